"""Rules of a study without a test set: what needs one, and what the tuning set may not choose.

Without a test set the verdict comes from the images that chose the amount, by intervals that hold
for all amounts at once. They allow for that choice and for no other one made on the same images.
"""

from __future__ import annotations

from collections.abc import Iterator

from augsearch.study.lines import Problem
from augsearch.study.order import used_sources
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.study.schema.generators import GanOptions
from augsearch.study.schema.study import StudyFile, classifier_keys

_NEEDS = "needs a test set but split.test = 0; drop it, or set split.test above 0"
_CHOOSES = (
    "with split.test = 0 the tuning set gives the verdict and may choose nothing but the amount"
)


def untested_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what a study without a test set asks for and cannot have."""
    if not study.has_test_set:
        yield from _tests(study)
        yield from _choices(study)
        yield from _luck(study)


def _tests(study: StudyFile) -> Iterator[Problem]:
    evaluation = study.evaluation
    if study.external is not None:
        yield ("external",), f"is read together with the test set, so it {_NEEDS}"
    for key in ("controls", "real_equivalence", "endpoints"):
        if getattr(evaluation, key):
            yield ("evaluation", key), _NEEDS
    for place, figure in enumerate(study.report.figures):
        if figure == "t-sne":
            yield ("report", "figures", place), f"'t-sne' maps test images, so it {_NEEDS}"
    for name, table in study.report.tables.items():
        if table.images == "test":
            yield (
                ("report", "tables", name, "images"),
                "'test' needs a test set but split.test = 0; use 'tuning', or set split.test "
                "above 0",
            )


def _choices(study: StudyFile) -> Iterator[Problem]:
    """Yield what the tuning set would choose beside the amount."""
    if study.tune is not None:
        yield ("tune",), f"{_CHOOSES}; write the settings into the classifier and drop [tune]"
    for name in used_sources(study):
        source = study.sources.get(name)
        if isinstance(source, GanOptions) and source.snapshot == "best":
            yield ("sources", name, "snapshot"), f"{_CHOOSES}, not a snapshot; use 'last'"
    for name in study.used_classifiers:
        options = study.classifier_tables.get(name)
        if isinstance(options, EndToEndOptions) and options.patience is not None:
            where = (*classifier_keys(name), "patience")
            yield where, f"{_CHOOSES}, not when to stop; drop patience"


def _luck(study: StudyFile) -> Iterator[Problem]:
    if study.evaluation.replicates == 1:
        yield (
            ("evaluation", "replicates"),
            "must be at least 2 with split.test = 0 but got 1: the verdict comes from the "
            "trainings of the search, which takes the luckiest, and a single one of each amount "
            "does not tell what is luck; use 3 to 5",
        )
