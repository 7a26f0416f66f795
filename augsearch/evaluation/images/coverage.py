"""Density and coverage: do synthetic images lie where real ones do, and do they reach all of them?

Naeem, Oh, Uh, Choi and Yoo 2020 (ICML, section 3.1). Both look at the balls around the real images
that reach to their k-th nearest other real image.
"""

from __future__ import annotations

import numpy as np
import scipy  # loads its parts when they are first used; they are slow to load
from numpy.typing import ArrayLike, NDArray

NEIGHBOURS = 5
"""k as published."""


def neighbours(n_real: int) -> int:
    """Return k for so many real images: 5, or fewer where there are not more than 5; at least 1."""
    return max(1, min(NEIGHBOURS, n_real - 1))


def density_and_coverage(
    real: ArrayLike, synthetic: ArrayLike, k: int = NEIGHBOURS
) -> tuple[float, float]:
    """Return density and coverage of a synthetic set.

    Density (eq. 3): in how many of the real images' balls a synthetic image lies on average, over
    k; about 1 for two sets from one distribution, more if synthetic images keep to the crowded
    places. Coverage (eq. 4): share of the real images whose ball holds a synthetic image; about
    1 - 2^-k for two sets of one size from one distribution (section 3.2), less if some kinds of
    image are never made.

    Args:
        real: (N, D), features, N more than k.
        synthetic: (M, D), M at least 1.
        k: Which neighbour a ball reaches to, itself not included.

    Returns:
        Density, 0 or more, and coverage, 0 to 1.

    Raises:
        ValueError: Other shapes, or too few images.
    """
    points = np.asarray(real, np.float64)
    made = np.asarray(synthetic, np.float64)
    if points.ndim != 2 or made.ndim != 2 or points.shape[1] != made.shape[1]:
        raise ValueError(
            f"features must be (N, D) and (M, D) of one network but have shapes {points.shape} and "
            f"{made.shape}."
        )
    if not 1 <= k < len(points) or not len(made):
        raise ValueError(
            f"k must be at least 1 and below the number of real images, {len(points)}, and there "
            f"must be a synthetic image, but k is {k} and there are {len(made)}."
        )
    inside = scipy.spatial.distance.cdist(points, made) < _radii(points, k)[:, None]
    return float(inside.sum() / (k * len(made))), float(inside.any(axis=1).mean())


def _radii(points: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    distances = scipy.spatial.distance.cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, k - 1]
