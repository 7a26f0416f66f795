"""The features that some training sets need, each block once however many cells share it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.events import Notify
from augsearch.records import TrainingSet


class FeatureBank:
    """Row numbers for the images of all blocks of some training sets.

    The features stay on disk until they are asked for, and no file stays open: a pool of 100,000
    images has 1,600.

    Args:
        store: Gives the features of a block.
        training_sets: At least one.
        notify: Takes progress while features are made.
    """

    def __init__(
        self, store: FeatureStore, training_sets: Sequence[TrainingSet], notify: Notify
    ) -> None:
        self._store = store
        self._blocks = {p.block.key: p.block for cell in training_sets for p in cell.portions}
        store.make(self._blocks.values(), notify)
        starts = np.cumsum([0, *map(len, self._blocks.values())]).tolist()
        self._start: dict[str, int] = dict(zip(self._blocks, starts, strict=False))
        self._n_rows: int = starts[-1]

    @property
    def n_features(self) -> int:
        """Return D, the number of features of an image."""
        first = next(iter(self._blocks.values()))
        return int(self._store.features(first).shape[1])

    def rows(self, cell: TrainingSet) -> NDArray[np.int64]:
        """Return the row of each image of the training set, int64, (M,), in its order."""
        return np.concatenate([self._start[p.block.key] + p.rows for p in cell.portions])

    def gather(self, cell: TrainingSet) -> NDArray[np.float32]:
        """Return the features of one training set, float32, (M, D)."""
        gathered = np.empty((len(cell), self.n_features), dtype=np.float32)
        start = 0
        for portion in cell.portions:
            part = gathered[start : start + len(portion.rows)]
            part[:] = self._store.features(portion.block)[portion.rows]
            start += len(part)
        return gathered

    def with_ones(self) -> NDArray[np.float32]:
        """Return all features, float32, (rows, W): D columns, a column of ones, then zeros.

        The ones make the bias one more weight; the zeros fill W up to a multiple of 16, so that
        every row starts on a cache line. This is the only copy of the features in memory.
        """
        n_features = self.n_features
        bank = np.zeros((self._n_rows, -(-(n_features + 1) // 16) * 16), dtype=np.float32)
        bank[:, n_features] = 1
        start = 0
        for block in self._blocks.values():
            bank[start : start + len(block), :n_features] = self._store.features(block)
            start += len(block)
        return bank
