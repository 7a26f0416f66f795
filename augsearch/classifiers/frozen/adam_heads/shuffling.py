"""Many random orders of the same few images, without Python's lock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads.compiled import compiled

_SIGNATURE = "UniTuple(int32[:, ::1], 2)(uint32[:, ::1], int32[::1], int32[::1])"


@compiled(_SIGNATURE, nogil=True)
def shuffled(
    words: NDArray[np.uint32], rows: NDArray[np.int32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return rows and labels, (M,) each, in as many orders as `words` has rows.

    Fisher and Yates from the inside out (Knuth, volume 2, 3.4.2): image i goes to a place j <= i,
    whose image moves to i. That j is word (i + 1) / 2^32, rounded down, favours places by less than
    M / 2^32.

    Args:
        words: uint32, (orders, M), uniform.
        rows: A number of each image.
        labels: Another one.

    Returns:
        Two arrays, int32, (orders, M).
    """
    moved_rows, moved_labels = np.empty(words.shape, np.int32), np.empty(words.shape, np.int32)
    for order in range(len(words)):
        for i in range(len(rows)):
            j = np.int64(np.uint64(words[order, i]) * np.uint64(i + 1) >> np.uint64(32))
            moved_rows[order, i], moved_rows[order, j] = moved_rows[order, j], rows[i]
            moved_labels[order, i], moved_labels[order, j] = moved_labels[order, j], labels[i]
    return moved_rows, moved_labels
