"""comparison.html: finished runs side by side, from their results and settings alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from augsearch.amounts import Unit, amount_words
from augsearch.report.figures.forests import gain_forest
from augsearch.report.figures.overlays import overlaid_curves
from augsearch.report.figures.palette import inline
from augsearch.report.page import page
from augsearch.report.words.sentences import verdict_sentences
from augsearch.study.results import ArmResult, StudyResult


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison.

    Attributes:
        name: What it is called in the comparison; each run has another name.
        result: Its result.
        metric: What its tuning scores are.
        confidence: Of its intervals.
        test_images: Hash of its test images; None: not known.
    """

    name: str
    result: StudyResult
    metric: str
    confidence: float
    test_images: str | None


def render_comparison(runs: Sequence[ComparedRun], differing: Mapping[str, Sequence[str]]) -> str:
    """Return the comparison as one HTML file; every text of the users' is escaped.

    Args:
        runs: Two or more.
        differing: Settings that are not the same in all runs, dotted key -> each run's value.
    """
    figures = [Markup(inline(figure)) for figure in _curves(runs)]
    return page(
        "comparison.html",
        runs=runs,
        sentences={run.name: verdict_sentences(run.result, run.confidence) for run in runs},
        differing=differing,
        gains=Markup(inline(figure)) if (figure := _gains(runs)) else "",
        curves=figures,
        cautions=list(cautions(runs)),
        amount=amount_words,
    )


def cautions(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Yield what keeps the numbers of the runs from being compared."""
    images = {run.test_images for run in runs}
    untested = [run.name for run in runs if run.result.judged_on == "tuning"]
    if untested:
        yield (
            f"Without a test set, judged on the images that chose the amount: {', '.join(untested)}"
            ". Compare gains, each over its own baseline."
        )
    elif None in images:
        yield (
            "Whether all runs were tested on the same images is not known: compare gains, each "
            "over its own baseline, rather than AUCs."
        )
    elif len(images) > 1:
        yield (
            "The runs were not tested on the same images: compare gains, each over its own "
            "baseline, rather than AUCs."
        )
    else:
        yield (
            "All runs were tested on the same images. Taking the best of them is a choice on the "
            "test set: its gain is too high, and wants new images to be confirmed."
        )
    if len({run.metric for run in runs}) > 1:
        yield "The runs were tuned by different metrics: their tuning scores cannot be compared."
    if len({run.confidence for run in runs}) > 1:
        each = ", ".join(f"{run.name} {run.confidence * 100:g} %" for run in runs)
        yield f"The runs have intervals of different confidence: {each}."
    yield "No interval is given for the difference between two runs: it was not tested."


def _gains(runs: Sequence[ComparedRun]) -> str:
    rows = {
        f"{run.name}: {name}": (run, name, arm)
        for run in runs
        for name, arm in run.result.arms.items()
        if arm.gain is not None
    }
    if not rows:
        return ""
    declared = [
        row
        for row, (run, name, _) in rows.items()
        if run.result.verdict is not None and run.result.verdict.arm == name
    ]
    controls = [row for row, (_, _, arm) in rows.items() if arm.control_of is not None]
    gains = {row: arm.gain for row, (_, _, arm) in rows.items() if arm.gain is not None}
    levels = sorted({run.confidence for run in runs})
    images = " or ".join(sorted({f"{run.result.judged_on} set" for run in runs}))
    return gain_forest({"auc": gains}, list(rows), declared, controls, levels, images)


def _curves(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Yield one figure for each metric and unit that searches have."""
    groups: dict[tuple[str, Unit], dict[str, ArmResult]] = {}
    for run in runs:
        for name, arm in run.result.arms.items():
            if arm.reason is not None and any(one.score is not None for one in arm.history):
                groups.setdefault((run.metric, arm.unit), {})[f"{run.name}: {name}"] = arm
    for (metric, unit), arms in groups.items():
        yield overlaid_curves(arms, metric, unit)
