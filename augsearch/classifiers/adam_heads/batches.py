"""One head to train, and the order in which it sees its images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed


@dataclass(frozen=True, eq=False)
class HeadCell:
    """One head to train.

    Attributes:
        rows: int64, (M,), rows of the feature bank, below 2 ** 31; at least one.
        labels: int64, (M,), the classes.
        seed: Start weights come from its child "head", the order of the images in epoch e from its
            child ("batches", e).
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    seed: Seed

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of mini-batches in an epoch; the last one may be short."""
        return -(-len(self.rows) // batch_size)

    def laid_out(self, first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return bank rows and classes in the order of epochs `first` to `last` (exclusive).

        Every epoch is a fresh permutation; cut into batches, the last one short, it is what a
        DataLoader with ``drop_last=False`` gives.

        Returns:
            Two arrays, int32, (last - first, M).
        """
        shape = (last - first, len(self.rows))
        rows, labels = np.empty(shape, np.int32), np.empty(shape, np.int32)
        for epoch in range(first, last):
            order = self.seed.child("batches", epoch).generator().permutation(len(self.rows))
            rows[epoch - first] = self.rows[order]
            labels[epoch - first] = self.labels[order]
        return rows, labels
