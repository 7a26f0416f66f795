"""The images of a pool that pass a selection, numbered anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.sources.base import Pool
from augsearch.sources.selection.grading import CHUNK, Floats, GradeBook
from augsearch.sources.selection.sifted_pool import PATIENCE, Found, SiftedPool
from augsearch.study.schema.selection import SelectOptions


@dataclass(frozen=True, eq=False)
class First:
    """What became of the first `of` candidates of a class, or taken for that class.

    Attributes:
        grades: Their grades, float64, (N,).
        kept: How many of them passed.
    """

    grades: Floats
    kept: int


@final
class SelectedPool(SiftedPool):
    """Those images of another pool that pass a selection.

    A stream is given up when PATIENCE * `of` candidates in a row (`of` or CHUNK, whichever is
    more) brought no image of a class.

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
        super().__init__(pool, book, classes, name)
        self._options = options
        self._firsts: dict[int, First] = {}
        run = options.of if options.best is not None else 1
        self._step = run * -(-CHUNK // run)  # whole runs, but no small pieces
        self._patience = PATIENCE * max(options.of, CHUNK)

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
            made = self._made(label)
            looked = self._options.of if made is None else min(self._options.of, made)
            own, grades = self._graded(label, 0, 0, looked)
            passed = own & self._passed(grades)
            self._firsts[label] = First(grades[own], int(passed.sum()))
        return self._firsts[label]

    def _enough(self, label: int, stream: int, count: int) -> list[int]:
        size = self.size(label)
        if size is not None and count > size:
            raise SourceError(self._too_few(label, count))
        return super()._enough(label, stream, count)

    def _passed(self, grades: Floats) -> NDArray[np.bool_]:
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

    def _gave_up(self, label: int, found: Found, needed: int) -> str:
        return (
            f"source {self._name!r} has only {len(found.numbers)} images of class "
            f"{self._classes[label]!r} but {needed} are needed: of {found.seen} made the last "
            f"{found.gap} brought none that passes select; select otherwise, improve the "
            "generator or leave the class out"
        )
