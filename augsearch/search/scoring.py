"""What a score function gives, read as one tuple of floats per amount."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from augsearch.search.base import SearchRule


@runtime_checkable
class BatchScore(Protocol):
    """A score that takes all certain amounts at once and gives their results in order.

    It decides itself how many replicates an amount has, and how it shares the work out.
    """

    def score_many(self, multiples: Sequence[float]) -> Iterator[Sequence[float]]:
        """Yield the scores of each of `multiples`, in that order, as they become known."""
        ...


@runtime_checkable
class RoundScore(BatchScore, Protocol):
    """A batch score that numbers its replicates, for rules that ask for an amount several times.

    Without this method an amount that is asked for again is simply scored again: right for a score
    that draws new seeds at every call, wrong for one that is a function of the amount alone.
    """

    def score_rounds(self, asked: Sequence[tuple[float, int]]) -> Iterator[Sequence[float]]:
        """Yield the scores of each (amount, round), in that order.

        Round r of an amount has the replicates r * R to (r + 1) * R - 1; round 0 gives what
        `score_many` gives.
        """
        ...


@runtime_checkable
class EndingScore(Protocol):
    """A score that may know of amounts that cannot be had: there are not so many images."""

    def ended(self, rule: SearchRule) -> SearchRule:
        """Return the rule, with an end before such amounts."""
        ...


Score = Callable[[Any], Any] | BatchScore


class OneAtATime:
    """A plain score function K -> float (or replicate scores) as a BatchScore.

    Args:
        score: Gives a number, or a sequence with one number per replicate.
        replicates: How often it is called per amount if it gives a number.
    """

    def __init__(self, score: Callable[[Any], Any], replicates: int) -> None:
        self._score = score
        self._replicates = replicates

    def score_many(self, multiples: Sequence[float]) -> Iterator[Sequence[float]]:
        """Call the function for one amount after the other."""
        for multiple in multiples:
            yield self._scores(multiple)

    def _scores(self, multiple: float) -> tuple[float, ...]:
        first = self._score(multiple)
        scores = as_scores(first, multiple)
        if _is_number(first):
            for _ in range(self._replicates - 1):
                scores += as_scores(self._score(multiple), multiple)
        elif self._replicates not in (1, len(scores)):
            raise ValueError(
                f"score must give a number or one score for each of the {self._replicates} "
                f"replicates but gave {len(scores)} for multiple {multiple:g}; leave replicates "
                "out if the function repeats itself."
            )
        return scores


def checked_scores(
    score: BatchScore, multiples: Sequence[float], rounds: Sequence[int] = ()
) -> Generator[tuple[float, ...], None, None]:
    """Yield the scores of each of `multiples`, checked, as they come.

    Args:
        score: What scores them.
        multiples: The amounts.
        rounds: How often each of them was scored before; empty: never.

    Raises:
        ValueError: There are fewer or more results than amounts.
    """
    if any(rounds) and isinstance(score, RoundScore):
        results = score.score_rounds(list(zip(multiples, rounds, strict=True)))
    else:
        results = score.score_many(multiples)
    given = 0
    for given, result in enumerate(results, start=1):
        if given > len(multiples):
            break
        yield as_scores(result, multiples[given - 1])
    if given != len(multiples):
        count = "more" if given > len(multiples) else str(given)
        raise ValueError(
            f"score_many must give one result for each of the {len(multiples)} multiples "
            f"but gave {count}."
        )


def as_scores(result: Any, multiple: float) -> tuple[float, ...]:
    """Return a number, or a sequence or 1-D array of numbers, as a tuple of floats.

    Raises:
        TypeError: It is something else.
        ValueError: It is empty.
    """
    if _is_number(result):
        return (float(result),)
    if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
        raise TypeError(
            f"score must give a number or a sequence of numbers but gave {result!r} for multiple "
            f"{multiple:g}; does the function return its score?"
        )
    items = tuple(result)
    if not items:
        raise ValueError(
            f"score must give at least one number but gave an empty sequence for multiple "
            f"{multiple:g}; give nan for a score that could not be computed."
        )
    strangers = [item for item in items if not _is_number(item)]
    if strangers:
        raise TypeError(
            f"score must give numbers but gave {strangers[0]!r} among those for multiple "
            f"{multiple:g}."
        )
    return tuple(map(float, items))


def _is_number(value: Any) -> bool:
    """Whether `value` is a scalar: Python, numpy, or an array or tensor without dimensions."""
    return hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0
