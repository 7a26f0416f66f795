"""Rounds: a rule that proposes an amount again asks for its next round of replicates.

A history holds one evaluation per amount and round, in order. Which round one is follows from how
often its amount came before, so it needs no number of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from augsearch.records import Evaluation


def merged(history: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
    """Return one evaluation per amount, by rising amount, with the scores of all its rounds.

    The score is the mean of all of them, NaN if one is. Scores come in order of round.

    Example:
        >>> twice = [Evaluation.of(4, [0.75]), Evaluation.of(1, [0.5]), Evaluation.of(4, [0.25])]
        >>> [(one.multiple, one.score) for one in merged(twice)]
        [(1.0, 0.5), (4.0, 0.5)]
    """
    scores: dict[float, tuple[float, ...]] = {}
    for entry in history:
        scores[entry.multiple] = scores.get(entry.multiple, ()) + entry.scores
    return tuple(Evaluation.of(multiple, scores[multiple]) for multiple in sorted(scores))


def rounds(multiples: Sequence[float], history: Iterable[Evaluation]) -> tuple[int, ...]:
    """Return, for each of `multiples`, how often it comes before: in the history or the list.

    Example:
        >>> rounds([4, 1, 4], [Evaluation.of(4, [0.75])])
        (1, 0, 2)
    """
    seen = Counter(entry.multiple for entry in history)
    found = []
    for multiple in multiples:
        found.append(seen[multiple])
        seen[multiple] += 1
    return tuple(found)
