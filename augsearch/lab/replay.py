"""Replaying a search rule on scores that are there already: simulated, or a run's history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.rounds import rounds
from augsearch.search.settings import Direction
from augsearch.search.smoothing import smoothed_optimum

Scores = Callable[[float, int], Sequence[float] | None]
"""(amount, round) -> the scores of that round's trainings; None where there are none."""


@dataclass(frozen=True)
class Replay:
    """What a rule made of the scores.

    Attributes:
        history: What it evaluated, in order.
        missing: (amount, round) that it asked for and that is not there; None: it came to its end.
    """

    history: tuple[Evaluation, ...]
    missing: tuple[float, int] | None = None


@dataclass(frozen=True)
class Contender:
    """A rule as it is compared with others.

    Attributes:
        rule: The rule that proposes amounts.
        replicates: Trainings per amount (and round).
        smooth: Choose by the history's smoothed optimum, not by the rule.
        label: What the rule is called.
        window: Its window, if it has one.
        direction: Which way scores are better.
    """

    rule: SearchRule
    label: str
    replicates: int = 1
    smooth: bool = False
    window: int | None = None
    direction: Direction = "maximize"

    @property
    def name(self) -> str:
        """The rule in words, replicates apart.

        Example:
            >>> from augsearch.search.sweep import Sweep
            >>> Contender(Sweep((1, 2)), "sweep", smooth=True).name
            'sweep, smoothed'
        """
        return f"{self.label}, smoothed" if self.smooth else self.label

    def choice(
        self, history: Sequence[Evaluation], noise: float | None
    ) -> tuple[float, float] | None:
        """Return the chosen amount and the score that is reported for it; None: there is none.

        Args:
            history: What the rule evaluated.
            noise: See `augsearch.search.smoothing.score_variance`.
        """
        if self.smooth:
            smoothed = smoothed_optimum(history, noise, self.direction)
            return None if smoothed is None else (smoothed.multiple, smoothed.mean)
        best = self.rule.best(history)
        return None if best is None else (best.multiple, best.score)


def replay(rule: SearchRule, scores: Scores) -> Replay:
    """Run a rule on scores until it is finished or asks for one that is not there."""
    history: list[Evaluation] = []
    while proposed := rule.propose(history):
        for amount, number in zip(proposed, rounds(proposed, history), strict=True):
            found = scores(amount, number)
            if found is None:
                return Replay(tuple(history), (amount, number))
            history.append(Evaluation.of(amount, found))
    return Replay(tuple(history))
