"""Rules between the tables of [report] and the rest of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from augsearch.messages import unknown
from augsearch.study.lines import Problem
from augsearch.study.metric_names import metric_problem
from augsearch.study.schema.report import CLASS_METRICS, TableOptions
from augsearch.study.schema.study import StudyFile

USUAL_TABLES = ("arms", "metrics", "endpoints", "history", "settings", "split")
"""What the report's own CSV files are called."""


def table_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what [report.tables] asks for and the study cannot give."""
    for name, table in study.report.tables.items():
        if name.lower() in USUAL_TABLES:
            yield (
                ("report", "tables", name),
                f"must not be called as a usual table ({', '.join(USUAL_TABLES)}), whose CSV it "
                "would replace; give it another name",
            )
        for check in (_words, _images, _delong, _by_classifier, _best_setting):
            for key, problem in check(study, table):
                yield ("report", "tables", name, *key), problem
    if "ms-ssim" in study.report.figures and not any(arm.search for arm in study.arms.values()):
        where = study.report.figures.index("ms-ssim")
        yield (
            ("report", "figures", where),
            "'ms-ssim' follows the amounts of a search but no arm has one; drop it or search",
        )


def _words(study: StudyFile, table: TableOptions) -> Iterator[Problem]:
    yield from _wrong("metrics", table.metrics, metric_problem)
    yield from _wrong("class_metrics", table.class_metrics, _not_among(CLASS_METRICS))
    yield from _wrong("arms", table.arms, _not_among(tuple(study.arms)))
    asked = (*table.metrics, *table.class_metrics)
    if not (asked or table.delong or table.confusion):
        yield (
            (),
            "must ask for something to show; give metrics, class_metrics, delong or confusion",
        )
    if table.words and "kappa" not in asked:
        yield ("words",), "Landis and Koch have words for kappa alone; add 'kappa' or drop words"


def _wrong(
    key: str, given: Sequence[str], problem_of: Callable[[str], str | None]
) -> Iterator[Problem]:
    for place, word in enumerate(given):
        problem = problem_of(word)
        if problem is not None:
            yield (key, place), problem
        elif word in given[:place]:
            yield (key, place), f"must be named once but {word!r} is named again; drop it"


def _not_among(known: Sequence[str]) -> Callable[[str], str | None]:
    def problem_of(word: str) -> str | None:
        if word in known:
            return None
        return f"must be one of {', '.join(known)} {unknown(word, known)}"

    return problem_of


def _images(study: StudyFile, table: TableOptions) -> Iterator[Problem]:
    if table.images == "external" and study.external is None:
        yield ("images",), "'external' needs [external]; add it or use 'test'"


def _delong(study: StudyFile, table: TableOptions) -> Iterator[Problem]:
    if table.delong and table.images == "tuning":
        yield (
            ("delong",),
            "compares two single models on images that chose neither, but images = 'tuning'; use "
            "'test' or 'external', or drop delong",
        )


def _by_classifier(study: StudyFile, table: TableOptions) -> Iterator[Problem]:
    if not table.by_classifier:
        return
    shown = [study.arms[name] for name in table.arms or study.arms if name in study.arms]
    if len({arm.classifier for arm in shown}) < 2:
        yield (
            ("by_classifier",),
            "needs arms that differ in their classifier but all of the table have the same; "
            "drop by_classifier",
        )
    if table.best_setting:
        yield (
            ("by_classifier",),
            "cannot be combined with best_setting, which has columns of its own; drop one of them",
        )


def _best_setting(study: StudyFile, table: TableOptions) -> Iterator[Problem]:
    if not table.best_setting:
        return
    if study.tune is None:
        yield ("best_setting",), "needs [tune], which tries the settings; add it or drop this"
    if table.images != "tuning":
        yield (
            ("best_setting",),
            f"needs images = 'tuning', which settings are scored on, but got {table.images!r}; "
            "the chosen setting's test values stand beside it",
        )
