"""Which figures a report has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from augsearch.report.contents import Outputs, ReportContents, Sample
from augsearch.report.figures import (
    forests,
    likenesses,
    maps,
    matrices,
    metrics_along,
    roc,
    search_curves,
    training,
)
from augsearch.report.samples import confusion_of, table_confusions

Figures = Iterator[tuple[str, str]]


def all_figures(contents: ReportContents) -> dict[str, str]:
    """Return every figure that there is something to show in, file stem -> SVG text."""
    makers = (_gains, _searches, _rocs, _confusions, _training, _maps, _likeness)
    return {stem: svg for maker in makers for stem, svg in maker(contents)}


def _gains(contents: ReportContents) -> Figures:
    result = contents.result
    gains = {"auc": {name: arm.gain for name, arm in result.arms.items() if arm.gain is not None}}
    gains |= {name: dict(values) for name, values in contents.endpoint_gains.items()}
    rows = [name for name in result.arms if any(name in values for values in gains.values())]
    if rows:
        declared = [result.verdict.arm] if result.verdict else []
        controls = [name for name, arm in result.arms.items() if arm.control_of is not None]
        yield (
            "gains",
            forests.gain_forest(
                gains, rows, declared, controls, [contents.confidence], f"{result.judged_on} set"
            ),
        )


def _searches(contents: ReportContents) -> Figures:
    arms = contents.result.arms
    for name in contents.searches:
        if any(entry.score is not None for entry in arms[name].history):
            beside = _beside(contents, name)
            yield (
                f"search-{name}",
                search_curves.search_curve(arms[name], name, contents.metric, beside),
            )
        if len(contents.tuning.get(name, ())) > 1:
            yield (
                f"metrics-{name}",
                metrics_along.metric_curves(arms[name], name, contents.tuning[name]),
            )


def _beside(contents: ReportContents, name: str) -> search_curves.Surroundings:
    arms = contents.result.arms
    baseline = arms.get(contents.result.baseline)
    return search_curves.Surroundings(
        search=contents.searches.get(name),
        base=baseline.score if baseline else None,
        smoothed=contents.smoothed.get(name),
        confidence_set=contents.confidence_sets.get(name, ()),
        controls={other: arm for other, arm in arms.items() if arm.control_of == name},
        likeness=contents.likeness.get(name, ()),
    )


def _rocs(contents: ReportContents) -> Figures:
    classes = contents.classes
    for part, outputs in _sets(contents):
        # Another site may lack a class, which then has no curve and leaves no mean of all.
        present = {c: classes[c] for c in np.unique(outputs.labels)}
        if len(present) == len(classes):
            title = "test set" if part == "test" else "external test set"
            yield f"roc-{part}", roc.roc_curves(outputs, title)
        if len(classes) > 2 and len(present) > 1:
            yield f"roc-classes-{part}", roc.roc_of_classes(outputs, present)


def _confusions(contents: ReportContents) -> Figures:
    for part, outputs in _sets(contents):
        counts = {
            arm: confusion_of(Sample(outputs.labels, values))
            for arm, values in outputs.probabilities.items()
        }
        yield f"confusion-{part}", matrices.confusion_matrices(counts, contents.classes)
    for name, options in contents.tables.items():
        if found := table_confusions(contents, options):
            yield f"table-{name}", matrices.confusion_matrices(found, contents.classes)


def _training(contents: ReportContents) -> Figures:
    for quantity in training.quantities(contents.training_curves):
        curves = training.training_curves(contents.training_curves, quantity)
        yield f"training-{re.sub(r'[^A-Za-z0-9_-]', '-', quantity)}", curves


def _maps(contents: ReportContents) -> Figures:
    features = {a: f for a, f in contents.embeddings.items() if maps.can_be_mapped(f)}
    if features:
        seed, labels = contents.seed.child("report", "t-sne"), contents.test.labels
        yield "t-sne", maps.tsne_maps(_distinct(features), labels, contents.classes, seed)


def _distinct(embeddings: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Put arms with the same features together: those of a frozen backbone know no arm."""
    groups: list[tuple[list[str], NDArray[np.float32]]] = []
    for arm, features in embeddings.items():
        names = next((names for names, own in groups if np.array_equal(own, features)), None)
        if names is None:
            groups.append(([arm], features))
        else:
            names.append(arm)
    if len(groups) == 1 < len(embeddings):
        return {"all arms": groups[0][1]}
    return {", ".join(names): features for names, features in groups}


def _likeness(contents: ReportContents) -> Figures:
    for name, classes in contents.likeness.items():
        if classes:
            arm = contents.result.arms[name]
            yield f"ms-ssim-{name}", likenesses.likeness_curves(arm, classes)


def _sets(contents: ReportContents) -> list[tuple[str, Outputs]]:
    sets = {"test": contents.test, "external": contents.external}
    return [
        (part, found) for part, found in sets.items() if found is not None and found.probabilities
    ]
