"""From an arm's search table to the rule it describes."""

from __future__ import annotations

from augsearch.search.base import SearchRule
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Saturation, Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.search.settings import Direction
from augsearch.study.schema.arms import (
    HalvingSearch,
    SaturationSearch,
    SearchOptions,
    SweepSearch,
    TpeSearch,
    WindowSearch,
)


def chooses_smoothed(search: SearchOptions | None) -> bool:
    """Whether a search takes the best of the smoothed curve, whose mean is then its score."""
    return isinstance(search, HalvingSearch | TpeSearch)


def rule_of(search: SearchOptions, direction: Direction, seed: int = 0) -> SearchRule:
    """Return the rule of an arm's search.

    Args:
        search: The arm's search table.
        direction: "maximize" or "minimize", as its metric wants it.
        seed: The study's seed, for a rule that draws.
    """
    match search:
        case WindowSearch():
            settings = search.model_dump(exclude={"source", "rule"})
            return SlidingWindow(**settings, direction=direction)
        case SweepSearch():
            return Sweep(search.amounts, direction=direction)
        case SaturationSearch():
            return Saturation(search.amounts, search.tolerance, direction=direction)
        case HalvingSearch():
            return Halving(search.max_multiple, search.fractions, direction=direction)
        case TpeSearch():
            return TpeRule(
                search.max_multiple, search.trials, search.fractions, seed, direction=direction
            )
