"""One fold's images: the real ones, the pools of its sources, and training sets made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from augsearch.classifiers.base import Classifier
from augsearch.evaluation.metrics import Metric
from augsearch.execution.recipes import Recipe
from augsearch.records import LabelledImages, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.sources.numbering import STREAM
from augsearch.sources.store import PoolStore

FIRST_TEST_STREAM = 1 << 16
"""Replicates of the test draw from streams that no replicate of a search ever touches."""


@dataclass(frozen=True, eq=False)
class FoldImages:
    """Everything that the cells of one fold train and are scored on.

    Attributes:
        number: Which fold.
        train: The real training images as rows of a block, with their labels.
        tune: The tuning images.
        n_classes: Number of classes.
        pools: Fitted sources by name.
    """

    number: int
    train: Portion
    tune: Portion
    n_classes: int
    pools: Mapping[str, PoolStore] = field(default_factory=dict)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Real training images of each class."""
        return tuple(np.bincount(self.train.labels, minlength=self.n_classes).tolist())

    def training_set(self, recipe: Recipe, stream: int, seed: Seed) -> TrainingSet:
        """Return the real images and what `recipe` adds from stream number `stream`."""
        portions = [self.train]
        for ingredient in recipe.ingredients:
            store = self.pools[ingredient.source]
            for label, (start, count) in enumerate(
                zip(ingredient.starts, ingredient.counts, strict=True)
            ):
                portions += _pool_portions(store, label, stream, start, count)
        return TrainingSet(tuple(portions), self.n_classes, seed)


def _pool_portions(
    store: PoolStore, label: int, stream: int, start: int, count: int
) -> list[Portion]:
    # A finite pool (a folder) has one stream only: all replicates see the same images.
    offset = stream * STREAM if store.size(label) is None else 0
    return [
        Portion(block, rows, np.full(len(rows), label, dtype=np.int64))
        for block, rows in store.blocks(label, offset + start, count)
    ]


def judge(
    images: LabelledImages, tune: Portion, classifier: Classifier, metric: Metric, seed: Seed
) -> float:
    """Score labelled images as the only training set: train on synthetic, tune on real."""
    only = TrainingSet((Portion.whole(images),), len(images.classes), seed)
    fitted = classifier.fit([only])[0]
    return metric(tune.labels, fitted.predict_proba(tune.block)[tune.rows])
