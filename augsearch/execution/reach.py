"""Which amounts an arm asks for, and how far it gets with sources that end, as a folder does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from augsearch.execution.recipes import Recipe, fixed_amount
from augsearch.search.base import SearchRule
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.registry import rule_of
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.search.settings import Direction
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
    for source in recipe.sources:
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


SearchForK = SlidingWindow | Halving | TpeRule


def _amount(rule: SearchForK, position: int) -> float:
    """Return an amount that a rule could try, were there no limit, rising from position 0 on."""
    return rule.amount(position) if isinstance(rule, SlidingWindow) else 1 + position


def least_addition(rule: SearchRule) -> float | None:
    """Return the first amount of a search for K that adds images; None of a rule with a list.

    K = 1 where the search has that alone.
    """
    if not isinstance(rule, SearchForK):
        return None
    start = _amount(rule, 0)
    first = start if start > 1 else _amount(rule, 1)
    return start if rule.max_multiple is not None and first > rule.max_multiple else first


def end_of(rule: SearchRule, short_at: Callable[[float], Shortage | None]) -> End | None:
    """Return where a search for K has to end; None if there are enough images.

    Args:
        rule: The search's rule. Of a list every amount is wanted: it does not end before.
        short_at: What an amount lacks; what lacks at one lacks at every larger one.

    Returns:
        None also if the first amount that adds images lacks some already: a search of K = 1 alone
        would say nothing of the images, so whoever asks for them is told what lacks.
    """
    first = least_addition(rule)
    if not isinstance(rule, SearchForK) or first is None or short_at(first) is not None:
        return None
    place = bisect_left(
        range(_FAR), True, key=lambda position: short_at(_amount(rule, position)) is not None
    )
    last, beyond, limit = _amount(rule, place - 1), _amount(rule, place), rule.max_multiple
    short = short_at(beyond)
    if short is None or (limit is not None and beyond > limit):
        return None
    return End(replace(rule, max_multiple=last), last, beyond, short)
