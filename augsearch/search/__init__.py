"""find_optimal_multiple(), its rules and its ledger."""

from augsearch.search.base import SearchRule
from augsearch.search.optimal import BatchScore, SearchResult, find_optimal_multiple
from augsearch.search.sliding_window import SlidingWindow

__all__ = ["BatchScore", "SearchResult", "SearchRule", "SlidingWindow", "find_optimal_multiple"]
