"""Replaying a search rule on scores that are there already: simulated, or a run's history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from augsearch.records import Evaluation
from augsearch.search.rounds import rounds
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Sweep
from augsearch.search.smoothing import smoothed_optimum

Scores = Callable[[float, int], Sequence[float] | None]
"""(amount, round) -> the scores of that round's trainings; None where there are none."""

Rule = SlidingWindow | Sweep | Halving
"""A rule that the lab compares."""


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
    """

    rule: Rule
    replicates: int = 1
    smooth: bool = False

    @property
    def window(self) -> int | None:
        """The rule's window, if it has one."""
        return self.rule.window if isinstance(self.rule, SlidingWindow) else None

    @property
    def name(self) -> str:
        """The rule in words, replicates apart.

        Example:
            >>> Contender(Sweep((1, 2, 4)), smooth=True).name
            'geometric grid, smoothed'
        """
        if isinstance(self.rule, SlidingWindow):
            name = f"sliding window {self.rule.window}"
        else:
            name = "halving" if isinstance(self.rule, Halving) else "geometric grid"
        return f"{name}, smoothed" if self.smooth else name

    def choice(
        self, history: Sequence[Evaluation], noise: float | None
    ) -> tuple[float, float] | None:
        """Return the chosen amount and the score that is reported for it; None: there is none.

        Args:
            history: What the rule evaluated.
            noise: See `augsearch.search.smoothing.score_variance`.
        """
        if self.smooth:
            smoothed = smoothed_optimum(history, noise, self.rule.direction)
            return None if smoothed is None else (smoothed.multiple, smoothed.mean)
        best = self.rule.best(history)
        return None if best is None else (best.multiple, best.score)


def contenders(
    windows: Sequence[SlidingWindow],
    halving: Halving,
    replicates: Sequence[int],
    halving_replicates: Sequence[int],
) -> list[Contender]:
    """Return the rules to compare: windows raw and smoothed, the amounts of halving, halving.

    Args:
        windows: The sliding windows.
        halving: The rule; its amounts are tried as a grid too.
        replicates: Trainings per amount of windows and grid, each in turn.
        halving_replicates: Trainings per amount and round of halving, each in turn.
    """
    grid = Sweep(halving.multiples, direction=halving.direction)
    return [
        *(
            Contender(window, count, smooth)
            for smooth in (False, True)
            for count in replicates
            for window in windows
        ),
        *(Contender(grid, count, smooth=True) for count in replicates),
        *(Contender(halving, count) for count in halving_replicates),
    ]


def replay(rule: Rule, scores: Scores) -> Replay:
    """Run a rule on scores until it is finished or asks for one that is not there."""
    history: list[Evaluation] = []
    while proposed := rule.propose(history):
        for amount, number in zip(proposed, rounds(proposed, history), strict=True):
            found = scores(amount, number)
            if found is None:
                return Replay(tuple(history), (amount, number))
            history.append(Evaluation.of(amount, found))
    return Replay(tuple(history))
