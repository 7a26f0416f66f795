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
from augsearch.records import Portion
from augsearch.seeds import Seed


@dataclass(frozen=True, eq=False)
class ArmScore:
    """The score of one arm as a function of the multiple, for `find_optimal_multiple`.

    All multiples of a call train together; each cell's randomness depends on (study seed, fold,
    replicate) alone, so replicate r starts from the same head at every multiple and in every arm.

    Attributes:
        recipe: (multiple, real class counts of a fold) -> recipe.
        folds: The folds; a multiple's scores come in order of fold, then replicate.
        replicates: Trainings per fold.
        seed: The study's seed.
    """

    recipe: Callable[[float, tuple[int, ...]], Recipe]
    folds: Sequence[FoldImages]
    classifier: Classifier
    metric: Metric
    replicates: int
    seed: Seed
    notify: Notify = silent

    def __call__(self, multiple: float) -> tuple[float, ...]:
        """Return the tuning scores of one multiple, one per cell."""
        return next(self.score_many([multiple]))

    def score_many(self, multiples: Sequence[float]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of each multiple, in order."""
        places = self.cells
        sets = [
            fold.training_set(
                self.recipe(multiple, fold.class_counts),
                replicate,
                self.seed.child("search", fold.number, replicate),
            )
            for multiple in multiples
            for fold, replicate in places
        ]
        fitted = iter(self.classifier.fit(sets, self.notify))
        for _ in multiples:
            yield tuple(self._tuned(next(fitted), fold.tune) for fold, _ in places)

    @property
    def cells(self) -> list[tuple[FoldImages, int]]:
        """The (fold, replicate) of each score, in order."""
        return [(fold, replicate) for fold in self.folds for replicate in range(self.replicates)]

    def _tuned(self, fitted: FittedClassifier, tune: Portion) -> float:
        return self.metric(tune.labels, fitted.predict_proba(tune.block)[tune.rows])


def fresh_trainings(score: ArmScore, multiple: float, replicates: int) -> list[FittedClassifier]:
    """Train one amount anew for the test: fresh seeds, fresh stretches of the pools.

    Returns:
        One fitted classifier per fold and replicate.
    """
    sets = [
        fold.training_set(
            score.recipe(multiple, fold.class_counts),
            FIRST_TEST_STREAM + replicate,
            score.seed.child("test", fold.number, replicate),
        )
        for fold in score.folds
        for replicate in range(replicates)
    ]
    return score.classifier.fit(sets, score.notify)


def probabilities(fitted: Sequence[FittedClassifier], images: Portion) -> NDArray[np.float64]:
    """Return class probabilities, float64, (models, images, classes)."""
    return np.stack([one.predict_proba(images.block)[images.rows] for one in fitted])
