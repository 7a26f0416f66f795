"""The images of a pool that pass, numbered anew: what selections and the quarantine share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.sources.base import Pool
from augsearch.sources.pools.kinds import UnlabelledPool
from augsearch.sources.pools.numbering import BLOCK, STREAM
from augsearch.sources.selection.grading import CHUNK, Floats, GradeBook, candidates

PATIENCE = 10
"""A stream is given up when PATIENCE * CHUNK candidates in a row brought no image of a class."""


@dataclass
class Found:
    """How far a stream of a class has been gone through.

    Attributes:
        numbers: Candidates that passed, counted from the start of the stream.
        seen: How many candidates were looked at.
    """

    numbers: list[int] = field(default_factory=list)
    seen: int = 0

    @property
    def gap(self) -> int:
        """How many candidates were looked at since the last one that passed."""
        return self.seen - (self.numbers[-1] + 1 if self.numbers else 0)


class SiftedPool(Pool):
    """Those images of another pool, the candidates, that pass.

    Args:
        pool: Gives the candidates.
        book: Gives their grades.
        classes: Names of the classes.
        name: The source's name in the study.
    """

    _step = CHUNK
    _patience = PATIENCE * CHUNK

    def __init__(self, pool: Pool, book: GradeBook, classes: tuple[str, ...], name: str) -> None:
        self._pool = pool
        self._book = book
        self._classes = classes
        self._name = name
        self._found: dict[tuple[int, int], Found] = {}

    @abstractmethod
    def _passed(self, grades: Floats) -> NDArray[np.bool_]:
        """Return which candidates pass by their grades, in the order of a stream."""

    @abstractmethod
    def _gave_up(self, label: int, found: Found, needed: int) -> str:
        """Say that too few candidates pass."""

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: Fewer pass, or a range that runs backwards or below 0.
        """
        if not 0 <= start <= stop:
            raise SourceError(f"images must be asked for as 0 <= start <= stop: {start}, {stop}.")
        stream = start // STREAM if self.has_streams(label) else 0
        origin = stream * STREAM
        numbers = self._enough(label, stream, stop - origin)[start - origin : stop - origin]
        return self._pictures(label, np.array(numbers, dtype=np.int64) + origin)

    @property
    def _labelled(self) -> bool:
        return not isinstance(self._pool, UnlabelledPool)

    def _made(self, label: int) -> int | None:
        """Return how many candidates there are; None if there is no end."""
        return self._pool.size(label) if self._labelled else None

    def _enough(self, label: int, stream: int, count: int) -> list[int]:
        """Go through a stream until `count` candidates have passed."""
        found = self._look(label, stream, 0)
        while len(found.numbers) < count:
            if found.gap > self._patience or found.seen == self._made(label):
                raise SourceError(self._gave_up(label, found, count))
            self._look(label, stream, found.seen + self._step)
        return found.numbers

    def _look(self, label: int, stream: int, stop: int) -> Found:
        """Go through a stream up to candidate `stop`, if that is further than before."""
        found = self._found.setdefault((label, stream), Found())
        made = self._made(label)
        stop = stop if made is None else min(stop, made)
        if stop > found.seen:
            own, grades = self._graded(label, stream, found.seen, stop)
            passed = np.flatnonzero(own & self._passed(grades))
            found.numbers += (found.seen + passed).tolist()
            found.seen = stop
        return found

    def _graded(
        self, label: int, stream: int, start: int, stop: int
    ) -> tuple[NDArray[np.bool_], Floats]:
        """Return, of candidates `start` to `stop` of a stream, whether of the class, and grades."""
        origin = stream * STREAM
        whose = label if self._labelled else None
        size = self._made(label)
        labels, grades = self._book.grades(whose, origin + start, origin + stop, size)
        return labels == label, grades

    def _pictures(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the candidates of these increasing numbers, made a block at a time."""
        pieces = [] if len(numbers) else [candidates(self._pool, label, 0, 0)]
        for block in np.unique(numbers // BLOCK):
            own = numbers[numbers // BLOCK == block]
            first, last = int(own[0]), int(own[-1])
            pieces.append(candidates(self._pool, label, first, last + 1)[own - first])
        return np.concatenate(pieces)
