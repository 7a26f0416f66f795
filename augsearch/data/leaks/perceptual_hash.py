"""A 64-bit hash of an image's coarse look, and which pairs of many images have nearly the same.

The hash has the signs of the lowest frequencies: an 8 x 8 block of the discrete cosine transform
of the image at 32 x 32 (after Zauner, "Implementation and benchmarking of perceptual image hash
functions", 2010). Signs do not change with brightness and contrast, and a mirrored image has the
odd horizontal ones turned around, so that it needs no hash of its own.

Radiographs of different patients look alike, so the hash alone only names candidates: of 192,510
pairs of 621 chest radiographs 0.8 % differ in at most 12 bits, as do 99 % of the copies that are
shifted by 1 % of their width or cropped by 3 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

SIDE = 32
"""Height and width in pixels of the images that are hashed."""

BITS = 64
FURTHEST = 12
"""Bits in which candidates differ at most."""
MOST = 20
"""Candidates that an image has at most; where more are near, the nearest."""
_ALWAYS = 4
_ROWS = 512

_MIRROR = np.where(np.arange(BITS) % 8 % 2, -1, 1).astype(np.float32)

_Float = NDArray[np.float32]
_Int = NDArray[np.int64]


class Candidates(NamedTuple):
    """Pairs of rows whose hashes nearly agree, int64, (M,) each."""

    ones: NDArray[np.int64]
    others: NDArray[np.int64]


def hash_bits(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the hash of grey images.

    Args:
        small: float32, (N, 32, 32).

    Returns:
        float32, (N, 64), each -1 or 1.
    """
    low = dctn(small, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(small), BITS)
    low[:, 0] = 0  # the mean brightness says nothing: the same bit for all
    return np.where(low > 0, np.float32(1), np.float32(-1))


def mirrored(bits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the hashes of the images seen from left to right."""
    return bits * _MIRROR


def candidates(
    bits: NDArray[np.float32], others: NDArray[np.float32], groups: NDArray[np.int64]
) -> Iterator[Candidates]:
    """Yield the pairs of images of different groups that have nearly the same hash.

    All pairs are looked at in blocks of rows, so that memory grows with N, not with N squared.

    Args:
        bits: (N, 64), hashes of the images.
        others: (N, 64), hashes of the same images in another version.
        groups: (N,), equal numbers are the same group.
    """
    for start in range(0, len(bits), _ROWS):
        rows = slice(start, start + _ROWS)
        # Of signs, (64 - product) / 2 is the Hamming distance. It is exact, BLAS is as quick at it
        # as XOR and counting bits, and NumPy counts bits from 2.0 on only.
        distance = (BITS - bits[rows] @ others.T) / 2
        near = (distance <= FURTHEST) & (groups[rows, None] != groups)
        for row in np.flatnonzero(np.count_nonzero(near, axis=1) > MOST):
            near[row] &= distance[row] <= _reach(distance[row, near[row]])
        first, second = np.nonzero(near)
        yield Candidates(first + start, second)


def _reach(distances: _Float) -> int:
    """Return up to which distance there are no more than `MOST`, but at least `_ALWAYS`."""
    counts: _Int = np.bincount(distances.astype(np.int64)).cumsum()
    return max(_ALWAYS, int(np.count_nonzero(counts <= MOST)) - 1)
