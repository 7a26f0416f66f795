"""Keeping only those images of a source that pass; giving classes to those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from augsearch.errors import SourceError
from augsearch.events import Selected
from augsearch.files import write_json
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.kinds import ScoredPool
from augsearch.sources.selection.grading import Confidence, GradeBook, Grader, Nearness, Realness
from augsearch.sources.selection.selected_pool import SelectedPool
from augsearch.study.schema.selection import SelectOptions


@final
class Selection(Source):
    """Fits another source and keeps those of its images, the candidates, that pass.

    Their grade is the probability of the wanted class (confidence), what the discriminator says
    (discriminator), or the distance to the nearest real training image of the class (distance,
    unit: see `Nearness`). What grades them knows the fold's real training images only. Candidates
    without classes, of a generator trained on all classes alike, get the class that the expert
    holds to be the most probable, and the grade for that class (Cheng et al. 2021 made 2,000
    images and kept 443 in five classes).

    - threshold: the pool has as many images of a class as pass among the first `of` candidates.
      Further replicates get as many, but fresh ones, however many candidates that takes.
    - best m of n: of each n candidates in a row the m with the best grades, in the order of the
      stream; of equal grades the first. The pool of an endless source has no end. Of the rest at
      the end of a finite source the same share is kept, rounded down.

    So image i of a class depends on (source, seed, fold, class, i) alone. The folder of the fit
    holds the grades, each given once, and ``selection.json``: how many of the first `of` candidates
    of each class (of all classes, if they have none) were made and kept, and their grades.

    Args:
        source: Gives the candidates.
        options: What passes.
    """

    def __init__(self, source: Source, options: SelectOptions) -> None:
        self._source = source
        self._options = options

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Fit the source, grade its first candidates and return the pool of those that pass.

        Raises:
            SourceError: There is nothing to grade them with, or whatever the source raises.
        """
        pool = self._source.fit(train, context)
        book = GradeBook(
            _grader(pool, self._options.by, context),
            context.folder / f"grades-{self._options.by}",
            context.notify,
        )
        selected = SelectedPool(pool, book, self._options, train.classes, context.name)
        _tell(selected, self._options, train, context)
        return selected

    def sizes(self, classes: Sequence[str]) -> Sequence[int | None]:
        """Return what `best` keeps of those of the source, or the most a threshold can."""
        best, of = self._options.best, self._options.of
        sizes = self._source.sizes(classes)
        if best is None:
            return [of if size is None else min(size, of) for size in sizes]
        return [None if size is None else size * best // of for size in sizes]

    def parts(self, train: LabelledImages) -> Sequence[Source]:
        """Return those of the source; selecting comes after."""
        return self._source.parts(train)


def _grader(pool: Pool, by: str, context: FitContext) -> Grader:
    if by == "discriminator":
        if isinstance(pool, ScoredPool):
            return Realness(pool)
        raise SourceError(
            f'select.by = "discriminator" needs a trained generator but source {context.name!r} '
            'has none; select by "confidence" or "distance".'
        )
    if context.expert is None:
        raise SourceError(
            f"select.by = {by!r} needs a classifier that knows the real training images but "
            f"source {context.name!r} was given none; set FitContext.expert."
        )
    return (Confidence if by == "confidence" else Nearness)(pool, context.expert)


def _tell(
    pool: SelectedPool, options: SelectOptions, train: LabelledImages, context: FitContext
) -> None:
    """Say how many of the first candidates were made and kept, to listeners and on disk."""
    # A source need not have images of a class that has none to learn from.
    labels = np.unique(train.labels).tolist()
    firsts = {train.classes[label]: pool.first(label) for label in labels}
    made = {name: len(first.grades) for name, first in firsts.items()}
    kept = {name: first.kept for name, first in firsts.items()}
    sign = -1 if options.by == "distance" else 1
    record = options.model_dump(exclude_none=True) | {
        "made": made,
        "kept": kept,
        "grades": {
            name: np.quantile(sign * first.grades, [0, 0.25, 0.5, 0.75, 1]).tolist()
            for name, first in firsts.items()
            if len(first.grades)
        },
    }
    write_json(context.folder / "selection.json", record)
    context.notify(Selected(context.name, context.fold, made, kept))
