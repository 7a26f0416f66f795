"""`augsearch export RUN --what features`: what an arm's classifier sees of its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import FittedClassifier
from augsearch.controller.finished_runs.exports.chosen import ChosenTraining, trained_again
from augsearch.controller.finished_runs.exports.facts import write_card
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.errors import ExportError
from augsearch.events import Notify
from augsearch.export.cards import Table
from augsearch.export.features import NO_GROUP, Featured, write_features
from augsearch.records import Portion

CARD = "FEATURES.md"

Ints = NDArray[np.int64]
_Known = dict[str, NDArray[np.float32]]


def export_features(
    conclusion: Conclusion, chosen: ChosenTraining, folder: Path, notify: Notify
) -> list[str]:
    """Write the features of training, tuning, test and external images, with a card.

    Args:
        conclusion: The run.
        chosen: The training whose classifier gives the features, and whose images they are of.
        folder: An empty folder.
        notify: Takes progress and warnings.

    Returns:
        What was written, in sentences.

    Raises:
        ExportError: The classifier has no features, or does not say again what it said in the run.
    """
    fitted, difference = trained_again(conclusion, chosen, notify)
    classes = conclusion.prepared.images.classes
    parts = list(_parts(conclusion, chosen, fitted))
    write_features(folder, parts, classes)
    count, dimension = sum(len(one.labels) for one in parts), parts[0].features.shape[1]
    again = f"trained anew as in the run, it differs from it by at most {difference:.2g}."
    write_card(
        folder / CARD,
        "features_card.md",
        conclusion,
        chosen,
        count=count,
        dimension=dimension,
        same=again,
        counts=_counts(parts, classes),
    )
    return [f"features of {count:,} images, {dimension:,} numbers each"]


def _parts(
    conclusion: Conclusion, chosen: ChosenTraining, fitted: FittedClassifier
) -> Iterator[Featured]:
    """Yield the real images of each part and those that each source adds, in order."""
    prepared, fold, known = conclusion.prepared, chosen.fold, _Known()

    def featured(part: str, origin: str, portion: Portion, groups: Ints, numbers: Ints) -> Featured:
        features = _features(conclusion, chosen, fitted, portion, known)
        return Featured(part, origin, features, portion.labels, groups, numbers)

    def real(part: str, portion: Portion, rows: Ints) -> Featured:
        return featured(part, "real", portion, prepared.images.groups[rows], rows)

    if any(chosen.recipe.real):
        own = chosen.training_set.portions[0]
        yield real("training", own, prepared.develop_rows[own.rows])
    for added in fold.added(chosen.recipe, chosen.stream):
        start = added.first
        for portion in added.portions:
            numbers = np.arange(start, start + len(portion.rows), dtype=np.int64)
            start += len(numbers)
            yield featured("training", added.source, portion, _ungrouped(portion), numbers)
    yield real("tuning", fold.tune, prepared.develop_rows[fold.tune.rows])
    if prepared.test is not None:
        yield real("test", prepared.test, prepared.split.test)
    outside, dataset = prepared.external, prepared.external_dataset
    if outside is not None and dataset is not None:
        # No external patient is taken for one of the study's own.
        groups = len(prepared.dataset.group_names) + dataset.images.groups
        yield featured("external", "real", outside, groups, outside.rows)


def _features(
    conclusion: Conclusion,
    chosen: ChosenTraining,
    fitted: FittedClassifier,
    portion: Portion,
    known: _Known,
) -> NDArray[np.float32]:
    """Return the features of a portion; those of a block are computed once."""
    key = portion.block.key
    if key not in known:
        features = fitted.embedding(portion.block)
        if features is None:
            raise ExportError(_none(conclusion, chosen))
        known[key] = features
    return known[key][portion.rows]


def _none(conclusion: Conclusion, chosen: ChosenTraining) -> str:
    study = conclusion.prepared.study
    name = study.classifier_name(chosen.arm.name)
    kind = study.classifier_named(name).kind
    return (
        f"a classifier must have features to export but {name!r} of arm {chosen.arm.name!r}, of "
        f"kind {kind!r}, has none; name an --arm of another classifier."
    )


def _ungrouped(portion: Portion) -> Ints:
    return np.full(len(portion.rows), NO_GROUP, dtype=np.int64)


def _counts(parts: list[Featured], classes: tuple[str, ...]) -> Table:
    places = dict.fromkeys((one.part, one.origin) for one in parts)
    rows = []
    for place in places:
        labels = [one.labels for one in parts if (one.part, one.origin) == place]
        each = np.bincount(np.concatenate(labels), minlength=len(classes))
        rows.append([*place, *map(str, each.tolist())])
    return [["part", "origin", *classes], *rows]
