"""Trainings: cells mapped over the classifier, wherever the engine says, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.events import Notify
from augsearch.execution.engines.base import Engine
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.records import Portion, TrainingSet
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

TUNE = "tune"
"""The part that every cell is asked about if no other one is given: its fold's tuning images."""


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        recipe: What it trains on.
        stream: Which stretch of the pools that is taken from.
        seed: Of all its randomness.
        fold: Its place among the folds of the job.
        in_full: Answer with features and training curve too.
    """

    recipe: Recipe
    stream: int
    seed: Seed
    fold: int = 0
    in_full: bool = False

    def training_set(self, fold: FoldImages) -> TrainingSet:
        """Return its images, of the fold that it belongs to."""
        return fold.training_set(self.recipe, self.stream, self.seed)


@dataclass(frozen=True, eq=False)
class Answer:
    """What one training says.

    Attributes:
        outputs: Part -> class probabilities of its images, float64, (N, n_classes).
        features: What the last layer sees of the job's `features_of`, float32, (N, D); None if
            there is no such thing, or nobody asked.
        curve: Losses and the like after each epoch, by name; empty if nobody asked.
    """

    outputs: Mapping[str, Floats]
    features: NDArray[np.float32] | None
    curve: Mapping[str, Sequence[float]]


@dataclass(frozen=True, eq=False)
class Job:
    """What all cells of a call to `train_cells` have in common.

    Attributes:
        classifier: What is trained.
        folds: What cells train on.
        parts: Part -> images that every training is asked about; None: `TUNE` of its own fold.
        features_of: The part whose features a cell that answers in full gives; None: of none.
    """

    classifier: Classifier
    folds: Sequence[FoldImages]
    parts: Mapping[str, Portion] | None = None
    features_of: str | None = None

    def train(self, cells: Sequence[Cell], notify: Notify) -> list[Answer]:
        """Train cells together and let each answer."""
        sets = [cell.training_set(self.folds[cell.fold]) for cell in cells]
        fitted = self.classifier.fit(sets, notify)
        return [self._ask(*pair) for pair in zip(fitted, cells, strict=True)]

    def _ask(self, fitted: FittedClassifier, cell: Cell) -> Answer:
        parts = self.parts or {TUNE: self.folds[cell.fold].tune}
        features = None
        if cell.in_full and self.features_of is not None:
            images = parts[self.features_of]
            embedding = fitted.embedding(images.block)
            features = None if embedding is None else embedding[images.rows]
        return Answer(
            {name: fitted.predict_portion(images) for name, images in parts.items()},
            features,
            dict(fitted.training_curve) if cell.in_full else {},
        )


def train_cells(
    engine: Engine, job: Job, cells: Sequence[Cell], notify: Notify
) -> Iterator[Answer]:
    """Train cells and yield their answers in order, each as soon as those before it are there.

    Cells of a classifier that gains by it train together, as many at a time as the engine's
    workers make possible; the others one by one.
    """
    together = job.classifier.fits_together
    parts = shared_out(cells, engine.workers) if together else [[n] for n in range(len(cells))]
    batches = [[cells[number] for number in part] for part in parts]
    there: dict[int, Answer] = {}
    following = 0
    for part, answers in zip(parts, engine.map(job.train, batches, notify), strict=True):
        there.update(zip(part, answers, strict=True))
        while following in there:
            yield there.pop(following)
            following += 1


def shared_out(cells: Sequence[Cell], workers: int) -> list[list[int]]:
    """Share cells out over workers, as evenly as their images allow.

    Those of one fold and stream stay together: a larger amount contains the images of a smaller
    one, so no image is made, or looked at by a backbone, in two places.

    Returns:
        The places of each worker's cells, increasing; no worker is without any.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for number, cell in enumerate(cells):
        groups.setdefault((cell.fold, cell.stream), []).append(number)
    shares: list[list[int]] = [[] for _ in range(min(workers, len(groups)))]
    sizes = [0] * len(shares)
    for group in sorted(groups.values(), key=lambda own: -_images(cells, own)):
        least = sizes.index(min(sizes))
        shares[least] += group
        sizes[least] += _images(cells, group)
    return [sorted(share) for share in shares]


def _images(cells: Sequence[Cell], numbers: Sequence[int]) -> int:
    return sum(len(cells[number].recipe) for number in numbers)
