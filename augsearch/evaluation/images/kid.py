"""Kernel inception distance: how far two sets of images lie apart, in features of a network.

Binkowski, Sutherland, Arbel and Gretton 2018 (ICLR, section 4): the unbiased squared maximum mean
discrepancy with the kernel (x·y / d + 1)³. It has no bias at small sizes, which the Frechet
distance has, so sets of unlike sizes can be compared; it can come out below 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.seeds import Seed

Floats = NDArray[np.float64]

SUBSETS = 100
LARGEST_SUBSET = 1_000
"""As published; smaller sets are halved."""


@dataclass(frozen=True)
class Kid:
    """The distance between two sets.

    Attributes:
        value: Mean over the subsets; around 0 for two sets from one distribution.
        se: Standard error of the value as an estimate from sets of this size.
    """

    value: float
    se: float


def kid(real: ArrayLike, synthetic: ArrayLike, seed: Seed) -> Kid:
    """Return the mean MMD² over random subsets, with its standard error.

    Each subset takes b images of either set, without replacement; b is half the smaller set, at
    most 1,000. The spread s over such subsets gives the standard error s · sqrt(b / (n - b)) of an
    estimate from n images, n the smaller set's size: at half the set it is s itself (Politis and
    Romano 1994, Annals of Statistics 22, for subsampling). Between sets of one distribution the
    estimate varies less than that formula holds for, so there the standard error is too large, by
    up to a factor of 2.

    Args:
        real: (N, D), features, N at least 4.
        synthetic: (M, D), M at least 4.
        seed: Where the choice of subsets comes from.

    Raises:
        ValueError: Other shapes, or too few images.
    """
    kernels = _Kernels(np.asarray(real, np.float64), np.asarray(synthetic, np.float64))
    smaller = min(kernels.sizes)
    if smaller < 4:
        raise ValueError(
            f"both sets must have at least 4 images, two in each half, but have {kernels.sizes}."
        )
    size = min(smaller // 2, LARGEST_SUBSET)
    generator = seed.generator()
    values = [
        kernels.mmd(*(generator.choice(count, size, replace=False) for count in kernels.sizes))
        for _ in range(SUBSETS)
    ]
    factor = math.sqrt(size / (smaller - size))
    return Kid(float(np.mean(values)), float(np.std(values, ddof=1)) * factor)


def polynomial_mmd(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the unbiased MMD² of two whole sets of features, with the cubic kernel.

    With k(x, y) = (x·y / d + 1)³ it is the mean of k over pairs of different real images, plus
    that over pairs of different synthetic images, minus twice that over mixed pairs (Gretton et
    al. 2012, lemma 6).

    Args:
        real: (N, D), N at least 2.
        synthetic: (M, D), M at least 2.

    Raises:
        ValueError: Other shapes, or too few images.
    """
    kernels = _Kernels(np.asarray(real, np.float64), np.asarray(synthetic, np.float64))
    return kernels.mmd(*(np.arange(count) for count in kernels.sizes))


class _Kernels:
    """The kernel between all images of two sets, computed once for all subsets."""

    def __init__(self, real: Floats, synthetic: Floats) -> None:
        if real.ndim != 2 or synthetic.ndim != 2 or real.shape[1] != synthetic.shape[1]:
            raise ValueError(
                "features must be (N, D) and (M, D) of one network but have shapes "
                f"{real.shape} and {synthetic.shape}."
            )
        self.sizes = len(real), len(synthetic)
        if min(self.sizes) < 2:
            raise ValueError(f"both sets must have at least 2 images but have {self.sizes}.")
        self._real = _cubic(real, real)
        self._synthetic = _cubic(synthetic, synthetic)
        self._mixed = _cubic(real, synthetic)

    def mmd(self, real: NDArray[np.int64], synthetic: NDArray[np.int64]) -> float:
        within = _off_diagonal_mean(self._real[np.ix_(real, real)])
        within += _off_diagonal_mean(self._synthetic[np.ix_(synthetic, synthetic)])
        return within - 2 * float(self._mixed[np.ix_(real, synthetic)].mean())


def _cubic(a: Floats, b: Floats) -> Floats:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)


def _off_diagonal_mean(kernel: Floats) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))
