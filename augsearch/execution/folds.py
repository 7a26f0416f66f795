"""One fold's images: the real ones, the pools of its sources, and training sets made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from augsearch.execution.recipes import Recipe
from augsearch.records import Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.sources.pools.numbering import STREAM
from augsearch.sources.pools.store import PoolStore

FIRST_TEST_STREAM = 1 << 16
"""Replicates of the test draw from streams that no replicate of a search ever touches."""


@dataclass(frozen=True, eq=False)
class Added:
    """Images of one class that a source adds to a training set.

    Attributes:
        source: Its name.
        label: The class.
        first: Number of the first image within the source's stream for that class.
        portions: The images, in order.
    """

    source: str
    label: int
    first: int
    portions: Sequence[Portion]

    def __len__(self) -> int:
        return sum(len(portion.rows) for portion in self.portions)


@dataclass(frozen=True, eq=False)
class FoldImages:
    """Everything that the cells of one fold train and are scored on.

    Attributes:
        number: Which fold.
        train: The real training images as rows of a block, with their labels.
        tune: The tuning images.
        n_classes: Number of classes.
        seed: Where the order of the real images comes from, for arms that use a share of them.
        pools: Fitted sources by name; a source is added when an arm first needs it.
    """

    number: int
    train: Portion
    tune: Portion
    n_classes: int
    seed: Seed
    pools: dict[str, PoolStore] = field(default_factory=dict)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Real training images of each class."""
        return tuple(np.bincount(self.train.labels, minlength=self.n_classes).tolist())

    @property
    def sizes(self) -> dict[str, tuple[int | None, ...]]:
        """Images of each class that every fitted source has, None without an end."""
        return {
            name: tuple(store.size(label) for label in range(self.n_classes))
            for name, store in self.pools.items()
        }

    def training_set(self, recipe: Recipe, stream: int, seed: Seed) -> TrainingSet:
        """Return the real images and what `recipe` adds from stream number `stream`."""
        portions = [self._real(recipe.real)] if any(recipe.real) else []
        for added in self.added(recipe, stream):
            portions += added.portions
        return TrainingSet(tuple(portions), self.n_classes, seed, self.tune)

    def added(self, recipe: Recipe, stream: int) -> Iterator[Added]:
        """Yield what `recipe` adds to the real images from stream number `stream`, in order."""
        for one in recipe.ingredients:
            store = self.pools[one.source]
            for label, (start, count) in enumerate(zip(one.starts, one.counts, strict=True)):
                # A pool without streams (a folder): all replicates see the same images.
                offset = stream * STREAM if store.has_streams(label) else 0
                portions = self.made(one.source, label, offset + start, count)
                yield Added(one.source, label, start, portions)

    def made(self, source: str, label: int, start: int, count: int) -> list[Portion]:
        """Return `count` images of a class of a source's pool, from number `start` on."""
        return [
            Portion(block, rows, np.full(len(rows), label, dtype=np.int64))
            for block, rows in self.pools[source].blocks(label, start, count)
        ]

    def _real(self, counts: tuple[int, ...]) -> Portion:
        """Return the first `counts[c]` real images of each class, in one random order for all."""
        if counts == self.class_counts:
            return self.train
        chosen = []
        for label, count in enumerate(counts):
            own = np.flatnonzero(self.train.labels == label)
            order = self.seed.child("real order", self.number, label).generator().permutation(own)
            chosen.append(order[:count])
        places = np.sort(np.concatenate(chosen))
        return self.train.take(places)
