"""How far synthetic images lie from real ones, beside how far real ones lie from each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.images.coverage import density_and_coverage, neighbours
from augsearch.evaluation.images.kid import kid, polynomial_mmd
from augsearch.seeds import Seed
from augsearch.study.audit_result import Beside

HALVINGS = 20
"""Random halves of the real images that a floor is the mean of."""

FEWEST = 8
"""Images of a set below which no half can be compared."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SetDistances:
    """KID, density and coverage, each beside the same between random halves of the real images."""

    kid: Beside
    density: Beside
    coverage: Beside


_UNKNOWN = SetDistances(*[Beside(value=None, floor=None)] * 3)


def set_distances(
    real: ArrayLike, synthetic: ArrayLike, groups: NDArray[np.int64], seed: Seed
) -> SetDistances:
    """Compare two sets of features, and the halves of the real one with each other.

    A group (patient) lies in one half only, as it lies in one part of a split only. Density and
    coverage hardly depend on the sets' size if both have the same, and KID has no bias at any, so
    halves are a fair floor for the whole. `k` is that of the halves throughout.

    Args:
        real: (N, D), features.
        synthetic: (M, D), best with M = N and classes as in `real`.
        groups: Groups of the real images, int64, (N,).
        seed: Where halves and subsets come from.

    Returns:
        The numbers; without any where a set has fewer than `FEWEST` images, and without floors
        where the groups leave a half with fewer than half of those.
    """
    points, made = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if min(len(points), len(made)) < FEWEST:
        return _UNKNOWN
    pairs = [(points[a], points[b]) for a, b in _halvings(groups, seed.child("halves"))]
    k = neighbours(min([len(points) // 2, *(min(len(a), len(b)) for a, b in pairs)]))
    distance = kid(points, made, seed.child("kid"))
    floor, spread = _mean([polynomial_mmd(a, b) for a, b in pairs])
    density, coverage = density_and_coverage(points, made, k)
    near = [density_and_coverage(a, b, k) for a, b in pairs]
    return SetDistances(
        Beside(value=distance.value, se=distance.se, floor=floor, floor_se=spread),
        _beside(density, [one for one, _ in near]),
        _beside(coverage, [one for _, one in near]),
    )


def random_half(groups: NDArray[np.int64], seed: Seed) -> NDArray[np.bool_]:
    """Return which images are in the first half, bool, (N,): whole groups, as evenly as it goes."""
    numbers, sizes = np.unique(groups, return_counts=True)
    order = seed.generator().permutation(len(numbers))
    before = np.cumsum(sizes[order]) - sizes[order] / 2
    return np.isin(groups, numbers[order[before <= len(groups) / 2]])


def _halvings(groups: NDArray[np.int64], seed: Seed) -> Iterator[tuple[Rows, Rows]]:
    for number in range(HALVINGS):
        first = random_half(groups, seed.child(number))
        halves = np.flatnonzero(first), np.flatnonzero(~first)
        if min(map(len, halves)) >= FEWEST // 2:
            yield halves


def _beside(value: float, floors: list[float]) -> Beside:
    floor, spread = _mean(floors)
    return Beside(value=value, floor=floor, floor_se=spread)


def _mean(values: list[float]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    return float(np.mean(values)), float(np.std(values, ddof=1))
