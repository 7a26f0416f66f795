"""The methods paragraphs of a manuscript about a run: what was done, with every number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from augsearch.amounts import amount_words
from augsearch.report.contents import ReportContents
from augsearch.report.words.model_words import classifier_words, source_words
from augsearch.report.words.references import bibtex, cited
from augsearch.report.words.search_words import RULE_MARKS, rule_words
from augsearch.report.words.sentences import counted, many, metric_title
from augsearch.report.words.verdict_methods import verdict_methods
from augsearch.search.rules.registry import chooses_smoothed
from augsearch.study.order import used_sources
from augsearch.study.results import ArmResult
from augsearch.study.schema.data import (
    CsvData,
    DicomData,
    FolderData,
    GivenSplit,
    HoldOutSplit,
    KFoldSplit,
)
from augsearch.study.schema.study import StudyFile

_PARTS = {"train": "training", "tune": "tuning", "test": "test"}


@dataclass(frozen=True)
class Methods:
    """A methods section.

    Attributes:
        paragraphs: Title ("Data") -> text.
        bibtex: The works that the paragraphs cite, and augsearch.
    """

    paragraphs: dict[str, str]
    bibtex: str


def methods(contents: ReportContents) -> Methods:
    """Say what was done, and nothing that was not."""
    study = contents.study
    writers = {
        "Data": _data(contents),
        "Added images": _sources(contents),
        "Classifiers": _classifiers(study),
        "Choice of the amount": _search(contents),
        "Test" if study.has_test_set else "Verdict": verdict_methods(contents),
        "Software": _software(contents),
    }
    texts = {title: " ".join(sentences) for title, sentences in writers.items()}
    texts = {title: text for title, text in texts.items() if text}
    version = contents.facts.get("version.augsearch", "")
    return Methods(
        {title: cited(text) for title, text in texts.items()}, bibtex(texts.values(), version)
    )


def _data(contents: ReportContents) -> Iterator[str]:
    images = contents.study.images
    steps = [one.step for one in images.preprocess]
    before = f" after the steps {', '.join(steps)}" if steps else ""
    channels = "grey" if images.channels == 1 else "colour"
    yield (
        f"Images of {len(contents.classes)} classes ({', '.join(contents.classes)}) were brought "
        f"to {images.size} x {images.size} pixels ({channels}, 8 bit){before}."
    )
    yield _split(contents.study) + _grouping(contents)
    counts: dict[str, Counter[str]] = {}
    for part, name, n_images, _ in contents.parts:
        counts.setdefault(part, Counter())[name] += n_images
    yield ". ".join(_part(part, each) for part, each in counts.items()) + "."
    if contents.external is not None:
        numbers = np.bincount(contents.external.labels, minlength=len(contents.classes))
        each = dict(zip(contents.classes, numbers.tolist(), strict=True))
        yield f"An external test set of {counted(each)} was read together with the test set."


def _split(study: StudyFile) -> str:
    match study.split:
        case HoldOutSplit() as split:
            parts = [one for one in (split.train, split.tune, split.test) if one]
            shares = " / ".join(f"{one * 100:g} %" for one in parts)
            return f"One random split, stratified by class ({shares}), gave the parts"
        case KFoldSplit() as split:
            return (
                f"A random test set, stratified by class ({split.test * 100:g} %), was set aside; "
                f"the rest was split into {split.n_folds} folds, each of them the tuning set once"
            )
        case GivenSplit():
            return "The parts are those that the data bring along"


def _grouping(contents: ReportContents) -> str:
    data = contents.study.data
    if isinstance(data, CsvData | DicomData) and data.group_column:
        return f"; no group (column {data.group_column}) is in two of them."
    if isinstance(data, DicomData):
        return "; no patient (by the patient ID of the DICOM files) is in two of them."
    if isinstance(data, FolderData) and data.group_pattern:
        return "; no group (a part of the file's name) is in two of them."
    if any(images != groups for _, _, images, groups in contents.parts):
        return "; no group of images is in two of them."
    return "; every image counted as a group of its own."


def _part(part: str, counts: Counter[str]) -> str:
    word, _, fold = part.partition(" ")
    title = f"{_PARTS.get(word, word)} set" + (f" of fold {fold}" if fold else "")
    return f"{title[0].upper()}{title[1:]}: {counted(counts)}"


def _sources(contents: ReportContents) -> Iterator[str]:
    study = contents.study
    for name in used_sources(study):
        chosen, kept = contents.snapshots.get(name, ()), contents.selections.get(name, ())
        yield source_words(name, study.sources[name], chosen, kept)
    if used_sources(study):
        yield (
            "No source was fitted to tuning or test images by augsearch; a larger amount of a "
            "source holds every smaller one."
        )


def _classifiers(study: StudyFile) -> Iterator[str]:
    for name in study.used_classifiers:
        about = name if len(study.classifiers) else "of all arms"
        yield classifier_words(about, study.classifier_named(name))
    if study.tune is not None:
        how = (
            "all combinations" if study.tune.method == "grid" else "TPE [@bergstra2011,@akiba2019]"
        )
        yield (
            f"The settings {', '.join(study.tune.parameters)} were chosen for each arm on the "
            f"tuning set, at its first amount, by {how}, over {study.tune.replicates} trainings "
            "each."
        )


def _search(contents: ReportContents) -> Iterator[str]:
    replicates = contents.study.evaluation.replicates
    folds = f" in each of {contents.n_folds} folds" if contents.n_folds > 1 else ""
    for name, search in contents.searches.items():
        arm = contents.result.arms[name]
        if not arm.history:
            continue
        amounts = [entry.multiple for entry in arm.history]
        rule = rule_words(search) + RULE_MARKS.get(search.rule, "")
        first, last = (amount_words(one, arm.unit) for one in (min(amounts), max(amounts)))
        span = f", {first}," if first == last else f" from {first} to {last}"
        yield (
            f"Arm {name} ({contents.recipes[name]}) was searched over "
            f"{many(len(amounts), 'amount')}{span} by the rule {rule}; the score of an amount was "
            f"the {metric_title(contents.metric)} on the tuning set, the mean over "
            f"{many(replicates, 'training')}{folds}{_again(arm, replicates * contents.n_folds)}."
        )
        if name in contents.smoothed:
            yield _smoothing(chooses_smoothed(search))
    if contents.result.verdict is not None and contents.study.has_test_set:
        yield (
            "The chosen amounts and the arm that the verdict is about were written down before the "
            "test set was opened."
        )


def _again(arm: ArmResult, trainings: int) -> str:
    """Say that a rule had some amounts trained further; empty if it had none."""
    most = max(len(entry.scores) for entry in arm.history)
    return f", up to {most} in all where the rule asked again" if most > trainings else ""


def _smoothing(chooses: bool) -> str:
    process = "a Gaussian process over the logarithm of the amount [@rasmussen2006]"
    if chooses:
        return f"The amount with the best posterior mean of {process} was chosen."
    return f"Its scores were also smoothed by {process}, which chose nothing."


def _software(contents: ReportContents) -> Iterator[str]:
    names = {
        "python": "Python",
        "torch": "PyTorch",
        "torchvision": "torchvision",
        "optuna": "Optuna",
        "numpy": "NumPy",
        "scikit-learn": "scikit-learn",
    }
    facts = contents.facts
    marks = {"torch": " [@paszke2019]", "optuna": " [@akiba2019]"}
    libraries = [
        f"{title} {facts[f'version.{key}']}{marks.get(key, '')}"
        for key, title in names.items()
        if f"version.{key}" in facts
    ]
    beside = f" with {', '.join(libraries)}" if libraries else ""
    device = f" on {facts['device']}" if "device" in facts else ""
    if facts.get("bf16") == "true":  # weights and losses are float32 all the same
        device += ' (where precision was "auto", layers computed in bfloat16)'
    version = facts.get("version.augsearch", "")
    yield f"All was computed by augsearch {version}{beside}{device}; seed {contents.study.seed}."
    yield from _figures(contents)


def _figures(contents: ReportContents) -> Iterator[str]:
    if contents.audits:
        yield (
            "The sources were audited, each number beside what real images give: copies of "
            "training images by the distance to the nearest one relative to its neighbourhood "
            "[@meehan2020,@carlini2023], variety within a class by MS-SSIM [@wang2003], KID "
            "[@binkowski2018], density and coverage [@naeem2020], and the score of a classifier "
            "trained on a source's images alone."
        )
    if any(contents.likeness.values()):
        yield "Variety within a class was measured by MS-SSIM [@wang2003]."
    if contents.embeddings:
        yield "Features were mapped by t-SNE [@vandermaaten2008]."
    if any(table.words for table in contents.tables.values()):
        yield "Kappas are named as by Landis and Koch [@landis1977]."
