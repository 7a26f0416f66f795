"""The images of a pool that pass a selection, numbered anew."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.sources.base import Pool
from augsearch.sources.grading import CHUNK, GradeBook, candidates
from augsearch.sources.numbering import BLOCK, STREAM
from augsearch.sources.pools import UnlabelledPool
from augsearch.study.schema.selection import SelectOptions

PATIENCE = 10
"""A stream is given up when PATIENCE * `of` candidates in a row (`of` or CHUNK, whichever is more)
brought no image of a class."""


@dataclass(frozen=True, eq=False)
class First:
    """What became of the first `of` candidates of a class, or taken for that class.

    Attributes:
        grades: Their grades, float64, (N,).
        kept: How many of them passed.
    """

    grades: NDArray[np.float64]
    kept: int


@dataclass
class _Found:
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


@final
class SelectedPool(Pool):
    """Those images of another pool that pass, numbered anew.

    Args:
        pool: Gives the candidates.
        book: Gives their grades.
        options: What passes.
        classes: Names of the classes.
        name: The source's name in the study.
    """

    def __init__(
        self,
        pool: Pool,
        book: GradeBook,
        options: SelectOptions,
        classes: tuple[str, ...],
        name: str,
    ) -> None:
        self._pool = pool
        self._book = book
        self._options = options
        self._classes = classes
        self._name = name
        self._firsts: dict[int, First] = {}
        self._found: dict[tuple[int, int], _Found] = {}

    @property
    def _labelled(self) -> bool:
        return not isinstance(self._pool, UnlabelledPool)

    def _made(self, label: int) -> int | None:
        """Return how many candidates there are; None if there is no end."""
        return self._pool.size(label) if self._labelled else None

    def has_streams(self, label: int) -> bool:
        """Whether every replicate gets fresh images: of an endless source."""
        return self._made(label) is None

    def size(self, label: int) -> int | None:
        """Return how many images of the class every stream has; None if there is no end."""
        if self._options.best is None:
            return self.first(label).kept
        made = self._made(label)
        return None if made is None else made * self._options.best // self._options.of

    def first(self, label: int) -> First:
        """Return what became of the first `of` candidates."""
        if label not in self._firsts:
            own, grades, passed = self._graded(label, 0, 0, self._options.of)
            self._firsts[label] = First(grades[own], int((own & passed).sum()))
        return self._firsts[label]

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: Fewer were kept, or a range that runs backwards or below 0.
        """
        if not 0 <= start <= stop:
            raise SourceError(f"images must be asked for as 0 <= start <= stop: {start}, {stop}.")
        stream = start // STREAM if self.has_streams(label) else 0
        origin = stream * STREAM
        size = self.size(label)
        if size is not None and stop - origin > size:
            raise SourceError(self._too_few(label, stop - origin))
        found = self._looked(label, stream, stop - origin)
        numbers = found.numbers[start - origin : stop - origin]
        return self._pictures(label, np.array(numbers, dtype=np.int64) + origin)

    def _looked(self, label: int, stream: int, count: int) -> _Found:
        """Go through a stream until `count` candidates have passed."""
        found = self._found.setdefault((label, stream), _Found())
        run = self._options.of if self._options.best is not None else 1
        length = run * -(-CHUNK // run)  # whole runs, but no small pieces
        while len(found.numbers) < count:
            if found.gap > PATIENCE * max(self._options.of, CHUNK):
                raise SourceError(self._gave_up(label, found, count))
            own, _, passed = self._graded(label, stream, found.seen, found.seen + length)
            found.numbers += (found.seen + np.flatnonzero(own & passed)).tolist()
            found.seen += length
        return found

    def _graded(
        self, label: int, stream: int, start: int, stop: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
        """Return of candidates `start` to `stop` of a stream: of the class?, grade, passed?"""
        made = self._made(label)
        stop = stop if made is None else min(stop, made)
        origin = stream * STREAM
        whose = label if self._labelled else None
        labels, grades = self._book.grades(whose, origin + start, origin + stop, made)
        return labels == label, grades, self._passed(grades)

    def _passed(self, grades: NDArray[np.float64]) -> NDArray[np.bool_]:
        options = self._options
        if options.threshold is not None:
            least = -options.threshold if options.by == "distance" else options.threshold
            return grades >= least
        passed = np.zeros(len(grades), dtype=bool)
        for first in range(0, len(grades), options.of):
            run = grades[first : first + options.of]
            wanted = len(run) * (options.best or 0) // options.of
            passed[first + np.argsort(-run, kind="stable")[:wanted]] = True
        return passed

    def _pictures(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the candidates of these increasing numbers, made a block at a time."""
        pieces = [] if len(numbers) else [candidates(self._pool, label, 0, 0)]
        for block in np.unique(numbers // BLOCK):
            own = numbers[numbers // BLOCK == block]
            first, last = int(own[0]), int(own[-1])
            pieces.append(candidates(self._pool, label, first, last + 1)[own - first])
        return np.concatenate(pieces)

    def _too_few(self, label: int, needed: int) -> str:
        options, made = self._options, self._made(label)
        if options.best is not None:
            how = f"of {made} made select keeps the best {options.best} of every {options.of}"
            remedies = "raise select.best, add images"
        else:
            first = self.first(label)
            how = f"of {len(first.grades)} made"
            if not self._labelled:
                how = f"of {options.of} made {len(first.grades)} were of this class, of which"
            how += f" {first.kept} passed select (by {options.by}, threshold {options.threshold:g})"
            remedies = f"{'raise' if options.by == 'distance' else 'lower'} select.threshold, "
            remedies += "raise select.of" if (made or math.inf) > options.of else "add images"
        return (
            f"source {self._name!r} has only {self.size(label)} images of class "
            f"{self._classes[label]!r} but {needed} are needed: {how}; {remedies} or ask for fewer"
        )

    def _gave_up(self, label: int, found: _Found, needed: int) -> str:
        return (
            f"source {self._name!r} has only {len(found.numbers)} images of class "
            f"{self._classes[label]!r} but {needed} are needed: of {found.seen} made the last "
            f"{found.gap} brought none that passes select; select otherwise, improve the "
            "generator or leave the class out"
        )
