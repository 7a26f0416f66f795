"""find_optimal_multiple(), its rules, its ledger, and the smoothing of what it found."""

from augsearch.search.base import SearchRule
from augsearch.search.gaussian_process import Smoothed, smoothed
from augsearch.search.optimal import BatchScore, SearchResult, find_optimal_multiple
from augsearch.search.rounds import merged
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Saturation, Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.search.scoring import RoundScore
from augsearch.search.smoothing import SmoothedOptimum, smoothed_history, smoothed_optimum

__all__ = [
    "BatchScore",
    "Halving",
    "RoundScore",
    "Saturation",
    "SearchResult",
    "SearchRule",
    "SlidingWindow",
    "Smoothed",
    "SmoothedOptimum",
    "Sweep",
    "TpeRule",
    "find_optimal_multiple",
    "merged",
    "smoothed",
    "smoothed_history",
    "smoothed_optimum",
]
