"""All that the lab has to say, as plain data (`augsearch lab --json`)."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import ndtri

from augsearch.lab.advice import Advice
from augsearch.lab.history import History
from augsearch.lab.simulation import RuleScore, Setting

POWER = 0.8
"""Chance to find a gain that counts as having been likely to find it."""


@dataclass(frozen=True)
class ReplayedRule:
    """What another rule would have made of a run's history.

    Attributes:
        arm: The searched arm.
        rule: The rule in words, replicates apart.
        replicates: Trainings per amount (and round).
        multiple: What it would have chosen (where the history ends: so far); None: nothing.
        score: The tuning score it would have reported.
        trainings: How many it would have taken (so far).
        missing: Where the history ends before the rule does; empty if it does not.
    """

    arm: str
    rule: str
    replicates: int
    multiple: float | None
    score: float | None
    trainings: int
    missing: str


@dataclass(frozen=True)
class Resolution:
    """What gain a run's test set can show.

    Attributes:
        arm: The arm whose gain was measured.
        images: Test images.
        half_width: Half the width of the gain's paired interval: smaller measured gains are no
            evidence.
        detectable: A true gain that would be found in 8 of 10 such studies.
    """

    arm: str
    images: int
    half_width: float
    detectable: float


@dataclass(frozen=True)
class RunFindings:
    """What a finished run says about its own noise, and what other rules would have chosen.

    Attributes:
        arm: The searched arm that noise is measured on.
        first_amount: Its smallest amount (1: the base set alone).
        first_sd: SD of the scores of that amount's trainings; None: it has one only.
        replicate_sd: The same, pooled over all amounts.
        resolution: Of the test set; None: no arm says.
        replays: Per searched arm and rule.
        notes: What could not be measured, and why.
    """

    arm: str
    first_amount: float
    first_sd: float | None
    replicate_sd: float | None
    resolution: Resolution | None
    replays: tuple[ReplayedRule, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LabReport:
    """The lab's result.

    Attributes:
        simulations: Curves of each shape in each setting.
        settings: What was simulated; empty if the run's scores are no AUCs.
        scores: Every rule in every setting.
        advice: One per setting.
        run: What the run itself says; None without one.
    """

    simulations: int
    settings: tuple[Setting, ...]
    scores: tuple[RuleScore, ...]
    advice: tuple[Advice, ...]
    run: RunFindings | None = None


def replay_all(arm: str, history: History) -> list[ReplayedRule]:
    """Replay every rule on an arm's history."""
    found = []
    for contender in history.contenders():
        replayed = history.replay(contender)
        chosen = contender.choice(replayed.history, history.noise)
        per_amount = contender.replicates * history.n_folds
        found.append(
            ReplayedRule(
                arm=arm,
                rule=contender.name,
                replicates=contender.replicates,
                multiple=None if chosen is None else float(chosen[0]),
                score=None if chosen is None else chosen[1],
                trainings=len(replayed.history) * per_amount,
                missing=_missing(replayed.missing, history),
            )
        )
    return found


def resolution(arm: str, images: int, low: float, high: float, confidence: float) -> Resolution:
    """Return what gain the test set can show, from the ends of a measured gain's interval."""
    half_width = (high - low) / 2
    quantile = float(ndtri((1 + confidence) / 2))
    return Resolution(arm, images, half_width, half_width * (1 + float(ndtri(POWER)) / quantile))


def _missing(asked: tuple[float, int] | None, history: History) -> str:
    if asked is None:
        return ""
    amount, number = asked
    if float(amount) not in history.scores:
        return f"no K = {amount:g} (it ends at {max(history.scores):g})"
    return f"no round {number + 1} of K = {amount:g}"
