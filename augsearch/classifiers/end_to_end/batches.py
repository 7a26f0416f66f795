"""Which images make up each mini-batch of an epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed


def batches_of(n_images: int, batch_size: int, epoch: int, seed: Seed) -> list[NDArray[np.int64]]:
    """Return the rows of each mini-batch, a fresh order of all images cut into runs.

    The last run is short if the numbers do not divide; a last image that would be alone joins the
    run before it, since a batch norm has no variance of one.

    Args:
        n_images: Images of the training set, at least 2.
        batch_size: Images of a run, at least 2.
        epoch: From 0 on; the order depends on it and `seed` alone.
        seed: The training set's.
    """
    order = seed.child("batches", epoch).generator().permutation(n_images)
    cuts = list(range(batch_size, n_images, batch_size))
    if cuts and n_images - cuts[-1] == 1:
        cuts.pop()
    return np.split(order, cuts)
