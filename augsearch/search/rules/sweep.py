"""Rules that try every amount of a list: the best wins, or the smallest that is about as good."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.settings import DIRECTIONS, Direction, check_known, plain_number, sign_of


class _EveryAmount(SearchRule):
    """Tries all of `amounts` whatever they score; who wins is left open."""

    amounts: tuple[float, ...]
    direction: Direction

    def propose(self, history: Sequence[Evaluation]) -> tuple[float, ...]:
        """Return every amount that is left."""
        return self.amounts[len(history) :]

    def finished(self, history: Sequence[Evaluation]) -> str | None:
        """Return "all_amounts" or "no_finite_score"; None while amounts are left."""
        if self.propose(history):
            return None
        return "no_finite_score" if self.best(history) is None else "all_amounts"

    def _top(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the best finite score, the first on ties."""
        sign = sign_of(self.direction)
        finite = [entry for entry in history if math.isfinite(entry.score)]
        return max(finite, key=lambda entry: sign * entry.score, default=None)


@dataclass(frozen=True)
class Sweep(_EveryAmount):
    """Try every amount of a list; the best finite score wins, the smallest amount on ties.

    Attributes:
        amounts: What is tried, rising: multiples (1 is the base set alone) or numbers of images
            (0 adds none).
        direction: "maximize" or "minimize".

    Raises:
        ValueError, TypeError: A setting out of its range or of the wrong type.

    Example:
        >>> rule = Sweep((1, 2, 4))
        >>> rule.propose([Evaluation.of(1, [0.7])])
        (2, 4)
    """

    amounts: tuple[float, ...]
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        object.__setattr__(self, "amounts", _rising(self.amounts))
        check_known("direction", self.direction, DIRECTIONS)

    def best(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the winner so far; None if no score was finite."""
        return self._top(history)


@dataclass(frozen=True)
class Saturation(_EveryAmount):
    """Try every amount of a list; the smallest that is about as good as the best one wins.

    Frid-Adar et al. 2018 chose the sizes of both their augmentations where accuracy against size
    saturates. Here that point is the smallest amount whose finite score is at most `tolerance`
    worse than the best of all.

    Attributes:
        amounts: What is tried, rising: multiples (1 is the base set alone) or numbers of images
            (0 adds none).
        tolerance: How much worse than the best still counts as saturated, at least 0.
        direction: "maximize" or "minimize".

    Raises:
        ValueError, TypeError: A setting out of its range or of the wrong type.

    Example:
        >>> rule = Saturation((0, 500, 1000), tolerance=0.01)
        >>> curve = {0: 0.70, 500: 0.78, 1000: 0.785}
        >>> rule.best([Evaluation.of(count, [score]) for count, score in curve.items()]).multiple
        500.0
    """

    amounts: tuple[float, ...]
    tolerance: float = 0.005
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        object.__setattr__(self, "amounts", _rising(self.amounts))
        object.__setattr__(self, "tolerance", plain_number("tolerance", self.tolerance))
        if self.tolerance < 0:
            raise ValueError(
                f"tolerance must be at least 0 but got {self.tolerance}; 0 takes the best score."
            )
        check_known("direction", self.direction, DIRECTIONS)

    def best(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the winner so far; None if no score was finite."""
        top = self._top(history)
        if top is None:
            return None

        def gap(entry: Evaluation) -> float:
            # Rounded, so that 0.9 - 0.895 is 0.005 and not a little more; NaN is within nothing.
            return round(abs(top.score - entry.score), 12)

        return next(entry for entry in history if gap(entry) <= self.tolerance)


def _rising(amounts: object) -> tuple[float, ...]:
    """Return amounts as a tuple of plain numbers, checked."""
    if isinstance(amounts, str | bytes) or not isinstance(amounts, Iterable):
        raise TypeError(f"amounts must be a list of numbers but got {amounts!r}.")
    rising = tuple(plain_number("amounts", amount) for amount in amounts)
    if not rising:
        raise ValueError("amounts must not be empty; give what is to be tried, as (1, 2, 4, 8).")
    if rising[0] < 0 or any(later <= earlier for earlier, later in pairwise(rising)):
        listed = ", ".join(map(str, rising))
        raise ValueError(
            f"amounts must rise from 0 or more but are {listed}; sort them and name each once."
        )
    return rising
