"""The sliding window of Kong et al. 2022: stop when the last w amounts brought no gain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.settings import (
    DIRECTIONS,
    Direction,
    check_known,
    plain_number,
    sign_of,
    whole_number,
)


@dataclass(frozen=True)
class SlidingWindow(SearchRule):
    """Try K = start, start + step, ... and stop at the first K with K - argmax >= window.

    The distance is counted in evaluated amounts, which is K - argmax itself at step 1: best at 14
    and a window of 12 stop at 26. argmax is the smallest K with the largest score. Only a finite
    score can win; NaN and both infinities count as evaluated and never win. Without any finite
    score the search stops after `window` amounts.

    With the best of the completed amounts at position b, every amount up to position b + window is
    certain to be tried, whatever the scores will be; `propose` returns all of those, so they can be
    computed together and the result is still that of trying one at a time.

    Without `max_multiple` a score that never stops rising is never stopped.

    Attributes:
        window: How many amounts after the best one must bring no gain, at least 1.
        start: The first amount, at least 1.
        step: Distance of two amounts, above 0. Amounts are ints if `start` and `step` are, else
            floats rounded to 12 decimal places, so that 0.1 + 0.2 is 0.3.
        max_multiple: No amount goes beyond it; None is no limit.
        min_delta: A gain counts only if it exceeds this over the best so far, at least 0.
        direction: "maximize" or "minimize" (then read smallest for largest above).

    Raises:
        ValueError, TypeError: A setting out of its range or of the wrong type.

    Example:
        >>> rule = SlidingWindow(window=2)
        >>> rule.propose([])
        (1, 2)
        >>> rule.propose([Evaluation.of(1, [0.7])])
        (2, 3)
    """

    window: int = 12
    start: float = 1
    step: float = 1
    max_multiple: float | None = None
    min_delta: float = 0.0
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole_number("window", self.window))
        for name in ("start", "step", "min_delta"):
            object.__setattr__(self, name, plain_number(name, getattr(self, name)))
        if self.max_multiple is not None:
            limit = plain_number("max_multiple", self.max_multiple)
            object.__setattr__(self, "max_multiple", limit)
        self._check()

    def _check(self) -> None:
        if self.window < 1:
            raise ValueError(
                f"window must be at least 1 but got {self.window}; 12 is the published setting."
            )
        if self.start < 1:
            raise ValueError(
                f"start must be at least 1 but got {self.start}; 1 is the base set alone."
            )
        # The second amount, not step alone: a step that rounding swallows would never move.
        if self.amount(1) <= self.amount(0):
            raise ValueError(
                f"step must be above 0 and not vanish beside start but got {self.step}; "
                "1 tries every whole multiple."
            )
        if self.max_multiple is not None and self.max_multiple < self.start:
            raise ValueError(
                f"max_multiple must be at least start ({self.start}) but got "
                f"{self.max_multiple}; None searches without a limit."
            )
        if self.min_delta < 0:
            raise ValueError(
                f"min_delta must be at least 0 but got {self.min_delta}; 0 counts every gain."
            )
        check_known("direction", self.direction, DIRECTIONS)

    def amount(self, position: int) -> float:
        """Return the amount at a position, from 0 on, were there no limit."""
        amount = self.start + position * self.step
        return amount if isinstance(amount, int) else round(amount, 12)

    def propose(self, history: Sequence[Evaluation]) -> tuple[float, ...]:
        """Return every amount that is certain to be evaluated, in order, whatever comes."""
        winner = self._winner(history)
        end = self.window if winner is None else winner + self.window + 1
        amounts = (self.amount(position) for position in range(len(history), end))
        limit = math.inf if self.max_multiple is None else round(self.max_multiple, 12)
        return tuple(takewhile(lambda amount: amount <= limit, amounts))

    def finished(self, history: Sequence[Evaluation]) -> str | None:
        """Return "window", "max_multiple" or "no_finite_score"; None while the search goes on.

        "window" if both limits are met at the same amount.
        """
        if self.propose(history):
            return None
        winner = self._winner(history)
        if winner is None:
            return "no_finite_score"
        return "window" if len(history) - 1 - winner >= self.window else "max_multiple"

    def best(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the winner so far; None if no score was finite."""
        winner = self._winner(history)
        return None if winner is None else history[winner]

    def _winner(self, history: Sequence[Evaluation]) -> int | None:
        sign = sign_of(self.direction)
        winner: int | None = None
        for position, evaluation in enumerate(history):
            if not math.isfinite(evaluation.score):
                continue
            if winner is None or sign * (evaluation.score - history[winner].score) > self.min_delta:
                winner = position
        return winner
