"""find_optimal_multiple(), its rules and its ledger."""

from augsearch.search.base import SearchRule
from augsearch.search.optimal import BatchScore, SearchResult, find_optimal_multiple
from augsearch.search.sliding_window import SlidingWindow
from augsearch.search.sweep import Saturation, Sweep

__all__ = [
    "BatchScore",
    "Saturation",
    "SearchResult",
    "SearchRule",
    "SlidingWindow",
    "Sweep",
    "find_optimal_multiple",
]
