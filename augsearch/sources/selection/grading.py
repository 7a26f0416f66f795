"""How good a candidate image is: confidence, realness, or nearness to the real images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

import numpy as np
import scipy  # loads its parts when they are first used; they are slow to load
from numpy.typing import NDArray

from augsearch.array_files import map_array, write_array
from augsearch.errors import SourceError
from augsearch.events import Advanced, Notify
from augsearch.sources.base import Expert, Pool
from augsearch.sources.pools.kinds import ScoredPool, UnlabelledPool
from augsearch.sources.pools.numbering import BLOCK

CHUNK = 4 * BLOCK
"""Candidates are made and graded in aligned runs of this many, whoever asks for which of them."""

Floats = NDArray[np.float64]
Grades = tuple[NDArray[np.int64], Floats]
"""Of some candidates the class, int64, (N,), and the grade, float64, (N,); larger is better."""


class Grader(ABC):
    """Grades the candidates of one pool.

    Without classes of their own (`UnlabelledPool`) they get the one that the expert holds to be the
    most probable; their label is asked for as None.
    """

    @abstractmethod
    def grades(self, label: int | None, start: int, stop: int) -> Grades:
        """Return classes and grades of candidates `start` to `stop`."""


@final
class Realness(Grader):
    """What the pool's own discriminator says: the logit of "real", or the critic's value."""

    def __init__(self, pool: ScoredPool) -> None:
        self._pool = pool

    def grades(self, label: int | None, start: int, stop: int) -> Grades:
        """Return classes and grades of candidates `start` to `stop`."""
        if label is None:
            raise SourceError(
                'select.by = "discriminator" needs a source with classes but this generator was '
                'trained on all of them alike; select by "confidence" or set '
                'strategy = "per-class".'
            )
        labels = np.full(stop - start, label, dtype=np.int64)
        return labels, self._pool.realness(label, start, stop)


@final
class Confidence(Grader):
    """The probability, by the expert, that the image is of its class."""

    def __init__(self, pool: Pool, expert: Expert) -> None:
        self._pool = pool
        self._expert = expert

    def grades(self, label: int | None, start: int, stop: int) -> Grades:
        """Return classes and grades of candidates `start` to `stop`."""
        probabilities = self._expert.predict_proba(candidates(self._pool, label, start, stop))
        labels = _labels(label, probabilities)
        return labels, probabilities[np.arange(len(labels)), labels]


@final
class Nearness(Grader):
    """Minus the distance to the nearest real training image of the class, in the expert's features.

    The distance is Euclidean on the features as they are (dividing by the standard deviations of a
    few hundred images would blow up features that hardly ever fire), in units of the median
    distance of the class's real training images to the nearest other one. So 1 is as near as real
    images lie to each other, whatever the network and its scale; it is the idea of the realism
    score of Kynkäänniemi et al. (2019, section 4), turned over and with one unit for the class.

    Nearness prefers copies of training images: the audit of the source counts them.
    """

    def __init__(self, pool: Pool, expert: Expert) -> None:
        self._pool = pool
        self._expert = expert
        self._real: dict[int, tuple[Floats, float]] = {}

    def grades(self, label: int | None, start: int, stop: int) -> Grades:
        """Return classes and grades of candidates `start` to `stop`."""
        pixels = candidates(self._pool, label, start, stop)
        if label is None:
            labels = _labels(None, self._expert.predict_proba(pixels))
        else:
            labels = np.full(len(pixels), label, dtype=np.int64)
        features = self._expert.embedding(pixels).astype(np.float64)
        grades = np.empty(len(pixels))
        for own in np.unique(labels).tolist():
            real, unit = self._reference(own)
            rows = labels == own
            grades[rows] = -scipy.spatial.distance.cdist(features[rows], real).min(axis=1) / unit
        return labels, grades

    def _reference(self, label: int) -> tuple[Floats, float]:
        """Return the features of the class's real training images and the unit of distance."""
        if label not in self._real:
            pixels = self._expert.training_images(label)
            if len(pixels) < 2:
                raise SourceError(
                    'select.by = "distance" needs at least 2 real training images of each class '
                    f"but there are {len(pixels)} of class number {label}; add images or select "
                    'by "confidence".'
                )
            parts = [
                self._expert.embedding(pixels[first : first + CHUNK])
                for first in range(0, len(pixels), CHUNK)
            ]
            real = np.concatenate(parts).astype(np.float64)
            self._real[label] = real, _nearest_other(real, label)
        return self._real[label]


def _nearest_other(real: Floats, label: int) -> float:
    nearest = np.empty(len(real))
    for first in range(0, len(real), CHUNK):
        distances = scipy.spatial.distance.cdist(real[first : first + CHUNK], real)
        rows = np.arange(len(distances))
        distances[rows, first + rows] = np.inf
        nearest[first : first + CHUNK] = distances.min(axis=1)
    unit = float(np.median(nearest))
    if not 0 < unit < np.inf:
        raise SourceError(
            'select.by = "distance" needs real training images whose features differ but those of '
            f"class number {label} have a median distance of {unit:g} to the nearest other one; "
            'remove duplicates or select by "confidence".'
        )
    return unit


def candidates(pool: Pool, label: int | None, start: int, stop: int) -> NDArray[np.uint8]:
    """Return candidates `start` to `stop` of a pool, of class `label` if they have classes."""
    if isinstance(pool, UnlabelledPool):
        return pool.candidates(start, stop)
    if label is None:
        raise ValueError("candidates of a pool with classes must be asked for by class")
    return pool.images(label, start, stop)


def _labels(label: int | None, probabilities: Floats) -> NDArray[np.int64]:
    if label is not None:
        return np.full(len(probabilities), label, dtype=np.int64)
    likeliest: NDArray[np.int64] = probabilities.argmax(axis=1)
    return likeliest


@final
class GradeBook:
    """Grades of candidates, each given once and kept on disk.

    A file (float64, (2, N): classes, grades) per class and chunk of CHUNK candidates at fixed
    places; the last chunk of a finite pool ends with the pool. Damaged ones are made again.

    Args:
        grader: Gives the grades.
        folder: Made if it is missing. It must belong to this one grader of one fitted source.
        notify: Takes progress while candidates are graded.
    """

    def __init__(self, grader: Grader, folder: Path, notify: Notify) -> None:
        self._grader = grader
        self._folder = folder
        self._notify = notify

    def grades(self, label: int | None, start: int, stop: int, size: int | None) -> Grades:
        """Return classes and grades of candidates `start` to `stop` of `size` there are."""
        begin = start - start % CHUNK
        parts = [np.empty((2, 0))]
        for first in range(begin, stop, CHUNK):
            end = first + CHUNK if size is None else min(first + CHUNK, size)
            path = self._folder / f"{'all' if label is None else f'class{label}'}_{first}-{end}.npy"
            kept = map_array(path, np.float64, 2, 2)
            if kept is None or kept.shape[1] != end - first:
                kept = self._made(label, first, end)
                write_array(path, kept)
                self._notify(Advanced(min(end, stop) - start, stop - start, "candidates"))
            parts.append(np.array(kept))
        both = np.concatenate(parts, axis=1)[:, start - begin : stop - begin]
        return both[0].astype(np.int64), both[1]

    def _made(self, label: int | None, first: int, end: int) -> Floats:
        labels, grades = self._grader.grades(label, first, end)
        if not np.isfinite(grades).all():
            raise SourceError(
                "the grades of candidates must be finite numbers but those of "
                f"{np.count_nonzero(~np.isfinite(grades))} of {len(grades)} are not: what grades "
                "them has diverged; lower its learning rate or select by something else."
            )
        return np.stack([labels.astype(np.float64), grades])
