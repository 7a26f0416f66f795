"""From an arm's search table to the rule it describes."""

from __future__ import annotations

from augsearch.search.base import SearchRule
from augsearch.search.settings import Direction
from augsearch.search.sliding_window import SlidingWindow
from augsearch.search.sweep import Saturation, Sweep
from augsearch.study.schema.arms import SaturationSearch, SearchOptions, SweepSearch, WindowSearch


def rule_of(search: SearchOptions, direction: Direction) -> SearchRule:
    """Return the rule of an arm's search.

    Args:
        search: The arm's search table.
        direction: "maximize" or "minimize", as its metric wants it.
    """
    match search:
        case WindowSearch():
            settings = search.model_dump(exclude={"source", "rule"})
            return SlidingWindow(**settings, direction=direction)
        case SweepSearch():
            return Sweep(search.amounts, direction=direction)
        case SaturationSearch():
            return Saturation(search.amounts, search.tolerance, direction=direction)
