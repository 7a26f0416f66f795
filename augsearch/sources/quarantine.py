"""Dropping copies of training images from what a source gives, so that K counts what remains."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.evaluation.copies import copy_threshold, nearest_training, thumbnails
from augsearch.events import Selected
from augsearch.files import write_json
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.grading import CHUNK, GradeBook, Grader, Grades, candidates
from augsearch.sources.numbering import BLOCK, STREAM

PATIENCE = 10
"""A stream is given up when PATIENCE * CHUNK images in a row were copies."""

RECORD = "quarantine.json"
"""In the source's folder: how many of the first `CHUNK` images of each class remained."""

Floats = NDArray[np.float64]


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
class QuarantinedPool(Pool):
    """The images of another pool that are no copies of training images, numbered anew.

    Image i of a class depends on what image i depended on before, and a larger amount contains
    every smaller one. A pool that ends is looked through once and has one set of images for all
    replicates, because another stream of it may have more copies.

    Args:
        pool: Gives the images; they have classes.
        book: Keeps their grades, by `Strangeness`.
        classes: Names of the classes.
        name: The source's name in the study.
    """

    def __init__(self, pool: Pool, book: GradeBook, classes: tuple[str, ...], name: str) -> None:
        self._pool = pool
        self._book = book
        self._classes = classes
        self._name = name
        self._kept: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._seen: dict[tuple[int, int], int] = {}

    def size(self, label: int) -> int | None:
        """Return how many images of the class remain; None if there is no end."""
        made = self._pool.size(label)
        return None if made is None else len(self._until(label, 0, made))

    def first(self, label: int) -> tuple[int, int]:
        """Return how many of the first images of a class were made, and how many remained."""
        made = self._pool.size(label)
        looked = CHUNK if made is None else min(CHUNK, made)
        return looked, int((self._until(label, 0, looked) < looked).sum())

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: Fewer remain, or a range that runs backwards or below 0.
        """
        if not 0 <= start <= stop:
            raise SourceError(f"images must be asked for as 0 <= start <= stop: {start}, {stop}.")
        stream = start // STREAM if self.has_streams(label) else 0
        origin = stream * STREAM
        kept = self._enough(label, stream, stop - origin)
        return self._pictures(label, kept[start - origin : stop - origin] + origin)

    def _enough(self, label: int, stream: int, count: int) -> NDArray[np.int64]:
        """Go through a stream until `count` images are found that are no copies."""
        made = self._pool.size(label)
        key = (label, stream)
        kept = self._until(label, stream, CHUNK if made is None else made)
        while len(kept) < count:
            seen = self._seen[key]
            gap = seen - (int(kept[-1]) + 1 if len(kept) else 0)
            if made is not None or gap > PATIENCE * CHUNK:
                raise SourceError(
                    f"source {self._name!r} has only {len(kept)} images of class "
                    f"{self._classes[label]!r} that are no copies of training images but {count} "
                    f"are needed, of {seen} made; improve the generator, ask for fewer, or set "
                    "audit.quarantine = false"
                )
            kept = self._until(label, stream, seen + CHUNK)
        return kept

    def _until(self, label: int, stream: int, stop: int) -> NDArray[np.int64]:
        """Return which of the images up to `stop` of a stream, or further, are no copies."""
        key = (label, stream)
        seen = self._seen.get(key, 0)
        if stop > seen or key not in self._kept:
            origin = stream * STREAM
            size = self._pool.size(label)
            _, grades = self._book.grades(label, origin + seen, origin + stop, size)
            new = seen + np.flatnonzero(grades >= 1)
            self._kept[key] = np.concatenate([self._kept.get(key, new[:0]), new])
            self._seen[key] = stop
        return self._kept[key]

    def _pictures(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images of these increasing numbers, made a block at a time."""
        pieces = [] if len(numbers) else [self._pool.images(label, 0, 0)]
        for block in np.unique(numbers // BLOCK):
            own = numbers[numbers // BLOCK == block]
            first, last = int(own[0]), int(own[-1])
            pieces.append(self._pool.images(label, first, last + 1)[own - first])
        return np.concatenate(pieces)


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
