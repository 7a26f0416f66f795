"""What a search rule is: a pure function of the history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from augsearch.records import Evaluation


class SearchRule(ABC):
    """Proposes the next amounts and says when to stop, from the history alone.

    Resuming is replaying: a rule keeps no state between calls. A history holds one evaluation per
    amount and round: an amount that is proposed again is evaluated with further replicates, as many
    as in its first round (`augsearch.search.rounds` merges them).
    """

    @abstractmethod
    def propose(self, history: Sequence[Evaluation]) -> tuple[float, ...]:
        """Return every amount that is certain to be evaluated, in order, whatever comes.

        Empty exactly when `finished(history)` gives a reason.
        """

    @abstractmethod
    def finished(self, history: Sequence[Evaluation]) -> str | None:
        """Return why the search is over ("window", "max_multiple" ...), or None if it goes on."""

    @abstractmethod
    def best(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the winner so far, with the score to report; None if no score was finite."""
