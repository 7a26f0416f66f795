"""Which amounts an arm asks for, and how far it gets with sources that end, as a folder does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from augsearch.execution.recipes import Recipe, fixed_amount
from augsearch.search.base import SearchRule
from augsearch.search.halving import Halving
from augsearch.search.settings import Direction
from augsearch.search.sliding_window import SlidingWindow
from augsearch.search.study_rules import rule_of
from augsearch.search.sweep import Sweep
from augsearch.search.tpe import TpeRule
from augsearch.study.schema.arms import Arm

Sizes = Mapping[str, Sequence[int | None]]
"""Images of each class that sources have; None where there is no end, or none that is known."""

_FAR = 1 << 20
"""Amounts, far beyond any search; a source that lasts so long may as well have no end."""


def rule_of_arm(arm: Arm, direction: Direction, seed: int) -> SearchRule:
    """Return what proposes an arm's amounts: its search's rule, or a list with the fixed one."""
    if arm.search is None:
        return Sweep((fixed_amount(arm),), direction=direction)
    return rule_of(arm.search, direction, seed)


@dataclass(frozen=True)
class Shortage:
    """What a training set needs more of than there is: images of class `label` from `source`."""

    source: str
    label: int
    needed: int
    there: int


def shortage(recipe: Recipe, sizes: Sizes) -> Shortage | None:
    """Return the first thing that a recipe lacks; None if there is enough of everything."""
    for source in dict.fromkeys(one.source for one in recipe.ingredients):
        counts = zip(recipe.taken(source), sizes[source], strict=True)
        for label, (needed, there) in enumerate(counts):
            if there is not None and needed > there:
                return Shortage(source, label, needed, there)
    return None


@dataclass(frozen=True)
class End:
    """Where a search for K ends for want of images.

    Attributes:
        rule: The search's rule, ended there.
        last: The largest amount that it may try.
        beyond: The next one.
        short: What that one lacks.
    """

    rule: SearchRule
    last: float
    beyond: float
    short: Shortage

    def words(self, classes: Sequence[str], arm: str | None = None) -> str:
        """Say it, of an arm's search or of one that is known."""
        short, search = self.short, "the search" if arm is None else f"the search of arm {arm!r}"
        return (
            f"{search} ends at K = {self.last:g} at the latest, with source "
            f"{short.source!r}: K = {self.beyond:g} needs {short.needed} images of class "
            f"{classes[short.label]!r} and there are {short.there}; add images if it should go on"
        )


def end_of(rule: SearchRule, short_at: Callable[[float], Shortage | None]) -> End | None:
    """Return where a search for K has to end; None if there are enough images.

    Args:
        rule: The search's rule. Of a list every amount is wanted: it does not end before.
        short_at: What an amount lacks; what lacks at one lacks at every larger one.

    Returns:
        None also if the first amount lacks something already.
    """
    if not isinstance(rule, SlidingWindow | Halving | TpeRule):
        return None

    def amount(position: int) -> float:
        return rule.amount(position) if isinstance(rule, SlidingWindow) else 1 + position

    beyond = bisect_left(
        range(_FAR), True, key=lambda position: short_at(amount(position)) is not None
    )
    short, limit = short_at(amount(beyond)), rule.max_multiple
    if short is None or beyond == 0 or (limit is not None and amount(beyond) > limit):
        return None
    last = amount(beyond - 1)
    return End(replace(rule, max_multiple=last), last, amount(beyond), short)
