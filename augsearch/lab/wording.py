"""The lab's result in tables and sentences, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from augsearch.lab.advice import WORTH, Advice
from augsearch.lab.findings import LabReport, ReplayedRule, RunFindings
from augsearch.lab.simulation import RuleScore, Setting

SCORE_HEADER = [
    "rule",
    "R",
    "AUC lost x1000",
    "optimism x1000",
    "K > 1 on flat",
    "trainings",
    "cost",
]

REPLAY_HEADER = ["arm", "rule", "R", "K", "score", "trainings", "history"]


def title(report: LabReport) -> str:
    """Say what the columns with several numbers stand for."""
    sizes = " / ".join(str(setting.images) for setting in report.settings)
    return f"simulated searches; tuning images: {sizes}"


def score_rows(report: LabReport) -> list[list[str]]:
    """Return one row per rule, with one number per setting in each column (costs: their mean)."""
    return [
        _score_row([one for one in report.scores if (one.rule, one.replicates) == rule])
        for rule in dict.fromkeys((one.rule, one.replicates) for one in report.scores)
    ]


def _score_row(scores: list[RuleScore]) -> list[str]:
    return [
        scores[0].rule,
        str(scores[0].replicates),
        _several(f"{1000 * one.regret:.1f}" for one in scores),
        _several(f"{1000 * one.optimism:.0f}" for one in scores),
        _several(f"{100 * one.false_gains:.0f}" for one in scores) + " %",
        _several(f"{one.trainings:.0f}" for one in scores),
        f"{sum(one.cost for one in scores) / len(scores):.1f}",
    ]


def _several(texts: Iterable[str]) -> str:
    """Write the numbers of all settings, or one where they agree."""
    numbers = list(texts)
    return numbers[0] if len(set(numbers)) == 1 else " / ".join(numbers)


def sentences(report: LabReport) -> list[str]:
    """Return how to read the table, and what follows from it."""
    if not report.settings:
        return []
    errors = [
        max(one.regret_error for one in report.scores if one.images == setting.images)
        for setting in report.settings
    ]
    return [
        f"Mean over eight shapes of curve, {report.simulations} simulated searches of each; "
        f"standard error of the AUC lost x1000: at most "
        f"{_several(f'{1000 * error:.1f}' for error in errors)}.",
        "R: replicates; cost: images of all training sets together, over those of sliding window "
        "12 with R = 1.",
        *(_assumed(setting) for setting in report.settings if report.run),
        *map(_advice, report.advice),
    ]


def _assumed(setting: Setting) -> str:
    noise = setting.noise
    return (
        f"Simulated with a true AUC of {setting.base:.3f} at K = 1, gains of {setting.gain:.3f} "
        f"and {setting.images} tuning images; trainings of one K differ by an SD of "
        f"{(noise.own**2 + noise.luck**2) ** 0.5:.4f}."
    )


def _advice(advice: Advice) -> str:
    return (
        f"Recommended for {advice.images} tuning images: {_trained(advice.rule, advice.replicates)}"
        f"; with a sliding window: {_trained(advice.window_rule, advice.window_replicates)} "
        f"(the cheapest within {WORTH:g} AUC of the best)."
    )


def _trained(rule: str, replicates: int) -> str:
    return f"{rule}, {replicates} replicate{'s' * (replicates > 1)}"


def replay_rows(run: RunFindings) -> list[list[str]]:
    """Return one row per searched arm and rule replayed on its history."""
    return [_replay_row(one) for one in run.replays]


def _replay_row(one: ReplayedRule) -> list[str]:
    so_far = " so far" if one.missing else ""
    return [
        one.arm,
        one.rule,
        str(one.replicates),
        "-" if one.multiple is None else f"{one.multiple:g}{so_far}",
        "-" if one.score is None else f"{one.score:.3f}",
        f"{one.trainings}{so_far}",
        one.missing or "reached",
    ]


def run_sentences(run: RunFindings) -> list[str]:
    """Return the run's own noise, the resolution of its test set, and what is not known."""
    found = []
    if run.replicate_sd is not None:
        first = (
            "" if run.first_sd is None else f" ({run.first_sd:.4f} at {run.first_amount:g} alone)"
        )
        found.append(
            f"Trainings of one amount of arm {run.arm!r} differ by an SD of "
            f"{run.replicate_sd:.4f}{first}."
        )
    if run.resolution is not None:
        one = run.resolution
        found.append(
            f"The {one.images} test images resolve a measured gain of {one.half_width:.3f} AUC "
            f"(half the interval of arm {one.arm!r}); a true gain of {one.detectable:.3f} would be "
            "found in 8 of 10 such studies."
        )
    return [*found, *run.notes]
