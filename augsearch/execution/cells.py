"""Cells: (arm, amount, fold, replicate), from the amount that a search asks for to its scores."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier
from augsearch.evaluation.metrics import Metric
from augsearch.events import Notify, Warned, silent
from augsearch.execution.engines.base import Engine
from augsearch.execution.engines.local import LOCAL
from augsearch.execution.folds import FIRST_TEST_STREAM, FoldImages
from augsearch.execution.reach import Shortage, end_of, shortage
from augsearch.execution.recipes import Recipe
from augsearch.execution.trainings import TUNE, Answer, Cell, Job, train_cells
from augsearch.records import Portion, TrainingSet
from augsearch.search.base import SearchRule
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

    All amounts of a call train together if the classifier gains by it, else one cell at a time and
    each amount is scored as soon as its own are there. A cell's randomness depends on (study seed,
    fold, replicate) alone, so replicate r starts from the same head at every amount and in every
    arm.

    Attributes:
        recipe: (amount, fold) -> what is trained on.
        folds: The folds; an amount's scores come in order of fold, then replicate.
        replicates: Trainings per fold, and per round of an amount.
        seed: The study's seed.
        keep: Takes what the trainings said, before their scores are given.
        engine: Where they take place.
        classes: Their names; default: their numbers.
    """

    recipe: Callable[[float, FoldImages], Recipe]
    folds: Sequence[FoldImages]
    classifier: Classifier
    metric: Metric
    replicates: int
    seed: Seed
    notify: Notify = silent
    keep: Keep = keep_nothing
    engine: Engine = LOCAL
    classes: Sequence[str] = ()

    def ended(self, rule: SearchRule) -> SearchRule:
        """Return a search's rule, ended where a source has no more images, which is then told."""
        end = end_of(rule, self._short_at)
        if end is None:
            return rule
        names = self.classes or [str(label) for label in range(self.folds[0].n_classes)]
        self.notify(Warned(end.words(names)))
        return end.rule

    def _short_at(self, multiple: float) -> Shortage | None:
        found = (shortage(self.recipe(multiple, fold), fold.sizes) for fold in self.folds)
        return next((short for short in found if short is not None), None)

    def __call__(self, multiple: float) -> tuple[float, ...]:
        """Return the tuning scores of one amount, one per cell."""
        return next(self.score_many([multiple]))

    def score_many(self, multiples: Sequence[float]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of each amount, in order."""
        return self.score_rounds([(multiple, 0) for multiple in multiples])

    def score_rounds(
        self, asked: Sequence[tuple[float, int]]
    ) -> Generator[tuple[float, ...], None, None]:
        """Yield the tuning scores of each (amount, round), in order.

        With R `replicates`, round r has those numbered r R to r R + R - 1; seeds and stretches of
        the pools depend on a replicate's number alone.
        """
        job = Job(self.classifier, self.folds)
        cells = [cell for multiple, round_ in asked for cell in self._cells(multiple, round_)]
        answers = train_cells(self.engine, job, cells, self.notify)
        for multiple, round_ in asked:
            outputs = [
                np.stack([next(answers).outputs[TUNE] for _ in range(self.replicates)])
                for _ in self.folds
            ]
            self.keep(multiple, round_, outputs)
            yield tuple(
                self.metric(fold.tune.labels, output)
                for fold, per_fold in zip(self.folds, outputs, strict=True)
                for output in per_fold
            )

    def _cells(self, multiple: float, round_: int) -> list[Cell]:
        return [
            replace(_searched_cell(self, multiple, fold, replicate), fold=place // self.replicates)
            for place, (fold, replicate) in enumerate(self.cells_of(round_))
        ]

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
    parts: Mapping[str, Portion],
    generations: Sequence[Sequence[FoldImages]] = (),
    features_of: str | None = None,
) -> list[Answer]:
    """Train one amount anew for the test: fresh seeds, fresh stretches of the pools.

    Args:
        score: The arm.
        multiple: Its amount.
        replicates: Trainings per fold.
        parts: Part -> images that every training is asked about.
        generations: The folds once for each training of their generators: of G, replicate r uses
            number r modulo G. Default: the arm's own folds for all.
        features_of: The part that the first training gives the features of.

    Returns:
        One answer per fold and replicate, the first one in full.
    """
    generations = generations or [score.folds]
    count = len(generations)
    folds = [generation[number] for number in range(len(score.folds)) for generation in generations]
    cells: list[Cell] = []
    for number in range(len(score.folds)):
        for replicate in range(replicates):
            place = number * count + replicate % count
            cell = _fresh_cell(score, multiple, folds[place], replicate)
            cells.append(replace(cell, fold=place, in_full=not cells))
    job = Job(score.classifier, folds, parts, features_of)
    return list(train_cells(score.engine, job, cells, score.notify))


def fresh_set(score: ArmScore, multiple: float, fold: FoldImages) -> TrainingSet:
    """Return what the first fresh training for the test trains on: see `fresh_trainings`."""
    return _fresh_cell(score, multiple, fold, 0).training_set(fold)


def searched_set(score: ArmScore, multiple: float, fold: FoldImages) -> TrainingSet:
    """Return what the first training of the search trains on."""
    return _searched_cell(score, multiple, fold, 0).training_set(fold)


def _fresh_cell(score: ArmScore, multiple: float, fold: FoldImages, replicate: int) -> Cell:
    seed = score.seed.child("test", fold.number, replicate)
    return Cell(score.recipe(multiple, fold), FIRST_TEST_STREAM + replicate, seed)


def _searched_cell(score: ArmScore, multiple: float, fold: FoldImages, replicate: int) -> Cell:
    seed = score.seed.child("search", fold.number, replicate)
    return Cell(score.recipe(multiple, fold), replicate, seed)
