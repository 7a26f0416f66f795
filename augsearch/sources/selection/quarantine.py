"""Dropping copies of training images from what a source gives, so that K counts what remains."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.evaluation.images.copies import copy_threshold, nearest_training, thumbnails
from augsearch.events import Selected
from augsearch.files import write_json
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.selection.grading import CHUNK, Floats, GradeBook, Grader, Grades, candidates
from augsearch.sources.selection.sifted_pool import Found, SiftedPool

RECORD = "quarantine.json"
"""In the source's folder: how many of the first `CHUNK` images of each class remained."""


@final
class Strangeness(Grader):
    """How far an image is from being a copy: below 1 it is one.

    The grade is the relative distance to the nearest real training image, of whatever class, over
    the threshold of a copy (`evaluation.copies`); in the expert's features and in pixels, whichever
    is smaller. The threshold comes from training images and their distances to those of other
    groups, so no tuning image has a say in what is kept.

    Args:
        pool: Gives the images.
        train: The fold's real training images.
        context: Of the fit; its expert gives the features. Without an expert, or if it has none,
            pixels alone decide.

    Raises:
        SourceError: The training images are of one group, so none can be compared with another.
    """

    def __init__(self, pool: Pool, train: LabelledImages, context: FitContext) -> None:
        if len(np.unique(train.groups)) < 2:
            raise SourceError(
                "audit.quarantine needs training images of at least 2 groups, to tell how near "
                "images come that are no copies, but there is 1; set quarantine = false."
            )
        self._pool = pool
        self._train = train
        self._context = context

    def grades(self, label: int | None, start: int, stop: int) -> Grades:
        """Return classes and grades of images `start` to `stop`."""
        pixels = candidates(self._pool, label, start, stop)
        points = [self._features(pixels), thumbnails(pixels)]
        grades = np.full(len(pixels), np.inf)
        for mine, (train, threshold) in zip(points, self._references, strict=True):
            # With a threshold of 0 (duplicates in two groups) nothing can be told in this space.
            if mine is not None and train is not None and threshold > 0:
                near = nearest_training(mine, train).relative / threshold
                grades = np.minimum(grades, near)
        grades = np.minimum(grades, np.finfo(np.float64).max)  # a book keeps finite numbers
        return np.full(len(pixels), label or 0, dtype=np.int64), grades

    @cached_property
    def _references(self) -> list[tuple[NDArray[np.float32] | None, float]]:
        """Return, of features and of pixels, the training images and the threshold."""
        groups = self._train.groups
        found: list[tuple[NDArray[np.float32] | None, float]] = []
        for points in (self._features(self._train.pixels), thumbnails(self._train.pixels)):
            if points is None:
                found.append((None, 0.0))
                continue
            others = nearest_training(points, points, (groups, groups))
            found.append((points, copy_threshold(others.relative, groups).value))
        return found

    def _features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        if self._context.expert is None:
            return None
        try:
            return self._context.expert.embedding(pixels)
        except SourceError:  # the study's classifier has no features
            return None


@final
class QuarantinedPool(SiftedPool):
    """The images of another pool that are no copies of training images.

    A pool with an end is looked through as a whole; what remains is its size.
    """

    def size(self, label: int) -> int | None:
        """Return how many images of the class remain; None if there is no end."""
        made = self._made(label)
        return None if made is None else len(self._look(label, 0, made).numbers)

    def first(self, label: int) -> tuple[int, int]:
        """Return how many of the first images of a class were made, and how many remained."""
        made = self._made(label)
        looked = CHUNK if made is None else min(CHUNK, made)
        return looked, sum(one < looked for one in self._look(label, 0, looked).numbers)

    def _passed(self, grades: Floats) -> NDArray[np.bool_]:
        return grades >= 1

    def _gave_up(self, label: int, found: Found, needed: int) -> str:
        return (
            f"source {self._name!r} has only {len(found.numbers)} images of class "
            f"{self._classes[label]!r} that are no copies of training images but {needed} are "
            f"needed, of {found.seen} made; improve the generator, ask for fewer, or set "
            "audit.quarantine = false"
        )


def quarantined(pool: Pool, train: LabelledImages, context: FitContext) -> Pool:
    """Return a fitted source's pool without copies; say how many of its first images were.

    Args:
        pool: The pool.
        train: The fold's real training images.
        context: That the source was fitted with. Its folder keeps the grades and `RECORD`.

    Raises:
        SourceError: There is nothing to tell a copy by.
    """
    book = GradeBook(
        Strangeness(pool, train, context), context.folder / "grades-quarantine", context.notify
    )
    kept_pool = QuarantinedPool(pool, book, train.classes, context.name)
    labels = np.unique(train.labels).tolist()
    firsts = {train.classes[label]: kept_pool.first(label) for label in labels}
    made = {name: first for name, (first, _) in firsts.items()}
    kept = {name: remained for name, (_, remained) in firsts.items()}
    write_json(context.folder / RECORD, {"made": made, "kept": kept})
    context.notify(Selected(context.name, context.fold, made, kept))
    return kept_pool
