"""One head to train, and the order in which it sees its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed

Layout = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Bank rows and classes of some epochs, in order, (epochs, M) each."""


@dataclass(frozen=True, eq=False)
class HeadCell:
    """One head to train.

    Attributes:
        rows: int64, (M,), rows of the feature bank, below 2 ** 31; at least one.
        labels: int64, (M,), the classes.
        seed: Start weights come from its child "head", the order of the images from "batches".
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    seed: Seed

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of mini-batches in an epoch; the last one may be short."""
        return -(-len(self.rows) // batch_size)

    def layouts(self, epochs: int, at_a_time: int) -> Iterator[Layout]:
        """Yield the order of all epochs, some at a time; how many changes nothing.

        Every epoch is a fresh permutation; cut into batches, the last one short, it is what a
        DataLoader with ``drop_last=False`` gives.
        """
        from augsearch.classifiers.frozen.adam_heads.shuffling import shuffled  # numba loads slowly

        rng = self.seed.child("batches").generator()
        rows, labels = self.rows.astype(np.int32), self.labels.astype(np.int32)
        for first in range(0, epochs, at_a_time):
            shape = (min(at_a_time, epochs - first), len(rows))
            yield shuffled(rng.integers(0, 1 << 32, shape, np.uint32), rows, labels)
