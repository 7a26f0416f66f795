"""Cells: (arm, amount, fold, replicate) mapped over the classifier, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.evaluation.metrics import Metric
from augsearch.events import Notify, silent
from augsearch.execution.folds import FIRST_TEST_STREAM, FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.records import Portion, TrainingSet
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
Keep = Callable[[float, int, Sequence[Floats]], None]
"""Takes an amount, the round of its replicates (0, 1 ...) and, for each fold, the class
probabilities of its tuning images, (replicates, N, n_classes)."""


def keep_nothing(amount: float, round_: int, outputs: Sequence[Floats]) -> None:
    """Let the outputs go."""


@dataclass(frozen=True, eq=False)
class ArmScore:
    """The score of one arm as a function of the amount, for `find_optimal_multiple`.

    All amounts of a call train together if the classifier gains by it; each cell's randomness
    depends on (study seed, fold, replicate) alone, so replicate r starts from the same head at
    every amount and in every arm.

    Attributes:
        recipe: (amount, fold) -> what is trained on.
        folds: The folds; an amount's scores come in order of fold, then replicate.
        replicates: Trainings per fold, and per round of an amount.
        seed: The study's seed.
        keep: Takes what the trainings said, before their scores are given.
    """

    recipe: Callable[[float, FoldImages], Recipe]
    folds: Sequence[FoldImages]
    classifier: Classifier
    metric: Metric
    replicates: int
    seed: Seed
    notify: Notify = silent
    keep: Keep = keep_nothing

    def __call__(self, multiple: float) -> tuple[float, ...]:
        """Return the tuning scores of one amount, one per cell."""
        return next(self.score_many([multiple]))

    def score_many(self, multiples: Sequence[float]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of each amount, in order."""
        return self.score_rounds([(multiple, 0) for multiple in multiples])

    def score_rounds(self, asked: Sequence[tuple[float, int]]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of each (amount, round), in order.

        With R `replicates`, round r has those numbered r R to r R + R - 1; seeds and stretches of
        the pools depend on a replicate's number alone.
        """
        batch = max(1, len(asked)) if self.classifier.fits_together else 1
        for start in range(0, len(asked), batch):
            yield from self._scores(asked[start : start + batch])

    def _scores(self, asked: Sequence[tuple[float, int]]) -> Iterator[tuple[float, ...]]:
        sets = [
            searched_set(self, multiple, fold, replicate)
            for multiple, round_ in asked
            for fold, replicate in self.cells_of(round_)
        ]
        fitted = iter(self.classifier.fit(sets, self.notify))
        for multiple, round_ in asked:
            outputs = [
                probabilities([next(fitted) for _ in range(self.replicates)], fold.tune)
                for fold in self.folds
            ]
            self.keep(multiple, round_, outputs)
            yield tuple(
                self.metric(fold.tune.labels, output)
                for fold, per_fold in zip(self.folds, outputs, strict=True)
                for output in per_fold
            )

    @property
    def cells(self) -> list[tuple[FoldImages, int]]:
        """The (fold, replicate) of each score of an amount's first round, in order."""
        return self.cells_of(0)

    def cells_of(self, round_: int) -> list[tuple[FoldImages, int]]:
        """Return the (fold, replicate) of each score of a round, in order."""
        first = round_ * self.replicates
        return [
            (fold, replicate)
            for fold in self.folds
            for replicate in range(first, first + self.replicates)
        ]


def fresh_trainings(
    score: ArmScore,
    multiple: float,
    replicates: int,
    generations: Sequence[Sequence[FoldImages]] = (),
) -> list[FittedClassifier]:
    """Train one amount anew for the test: fresh seeds, fresh stretches of the pools.

    Args:
        score: The arm.
        multiple: Its amount.
        replicates: Trainings per fold.
        generations: The folds once for each training of their generators: of G, replicate r uses
            number r modulo G. Default: the arm's own folds for all.

    Returns:
        One fitted classifier per fold and replicate.
    """
    generations = generations or [score.folds]
    sets = [
        fresh_set(score, multiple, generations[replicate % len(generations)][number], replicate)
        for number in range(len(score.folds))
        for replicate in range(replicates)
    ]
    return score.classifier.fit(sets, score.notify)


def fresh_set(score: ArmScore, multiple: float, fold: FoldImages, replicate: int) -> TrainingSet:
    """Return what a fresh training for the test trains on: see `fresh_trainings`."""
    seed = score.seed.child("test", fold.number, replicate)
    recipe = score.recipe(multiple, fold)
    return fold.training_set(recipe, FIRST_TEST_STREAM + replicate, seed)


def searched_set(score: ArmScore, multiple: float, fold: FoldImages, replicate: int) -> TrainingSet:
    """Return what a training of the search trains on."""
    seed = score.seed.child("search", fold.number, replicate)
    return fold.training_set(score.recipe(multiple, fold), replicate, seed)


def probabilities(fitted: Sequence[FittedClassifier], images: Portion) -> Floats:
    """Return class probabilities, float64, (models, images, classes)."""
    return np.stack([one.predict_portion(images) for one in fitted])
