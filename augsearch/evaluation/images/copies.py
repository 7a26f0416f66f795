"""Is a synthetic image a copy of a training image? Distances to the nearest one say so.

A held-out real image has a nearest training image too. A source that has learnt the distribution
lies as far from its training images as held-out real images do; one that has memorised lies nearer
(Meehan, Chaudhuri and Dasgupta 2020, AISTATS, section 2). The distance is taken relative to the
neighbourhood, as Carlini et al. 2023 (USENIX Security, section 4.2) do: an image that looks like
the mean of all is near to everything without being a copy of anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used; they are slow to load
from numpy.typing import ArrayLike, NDArray

from augsearch.study.audit_result import CopiesFound

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

THUMBNAIL = 32
"""Pixels are compared on images of at most this side."""

NEIGHBOURS = 50
"""Training images whose mean distance is the unit of the relative distance (Carlini et al.)."""

LEVEL = 0.01
"""Share of held-out images that lie below the threshold, where there are enough of them."""

_BLOCK_VALUES = 1 << 21


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training image of each of some images.

    Attributes:
        rows: int64, (N,), which training image it is.
        distances: float64, (N,), Euclidean.
        relative: float64, (N,), 0 to 1: the distance over the mean distance to the `NEIGHBOURS`
            nearest training images. 0 where that mean is 0, 1 where no image can be compared.
    """

    rows: Integers
    distances: Floats
    relative: Floats


@dataclass(frozen=True)
class CopyThreshold:
    """What counts as a copy, from how near real images come that are no copies.

    Attributes:
        value: An image of a smaller relative distance is a copy; 0 says that nothing can be told.
        order: Which of the sorted reference distances it is, counted from 1.
        n_groups: Independent references (patients).
    """

    value: float
    order: int
    n_groups: int

    @property
    def expected(self) -> float:
        """Share of images below the threshold if none is a copy, at most (its expectation)."""
        return self.order / (self.n_groups + 1)


def nearest_training(
    images: ArrayLike,
    train: ArrayLike,
    groups: tuple[Integers, Integers] | None = None,
) -> Nearest:
    """Find the nearest training image of each image.

    Args:
        images: (N, D), features or pixel values.
        train: (M, D), those of the training images, M at least 1.
        groups: Groups of both, int64, (N,) and (M,): a training image of an image's own group is
            not looked at. That is how training images are compared with each other.

    Raises:
        ValueError: Other shapes, or no training image.
    """
    mine, others = _points(images), _points(train)
    if not len(others) or mine.shape[1] != others.shape[1]:
        raise ValueError(
            f"train must be (M, D) with M at least 1 and the D of images, {mine.shape}, but has "
            f"shape {others.shape}."
        )
    step = max(1, _BLOCK_VALUES // len(others))
    parts = []
    for start in range(0, len(mine), step):
        distances = scipy.spatial.distance.cdist(mine[start : start + step], others)
        if groups is not None:
            own = groups[0][start : start + step, None] == groups[1][None]
            distances[own] = np.inf
        parts.append(_nearest_of(distances))
    rows, nearest, relative = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Nearest(rows, nearest, relative)


def _nearest_of(distances: Floats) -> tuple[Integers, Floats, Floats]:
    rows = distances.argmin(axis=1)
    nearest = distances[np.arange(len(rows)), rows]
    count = min(NEIGHBOURS, distances.shape[1])
    closest = np.partition(distances, count - 1, axis=1)[:, :count]
    known = np.isfinite(closest)
    sums = np.where(known, closest, 0).sum(axis=1)
    units = sums / np.maximum(known.sum(axis=1), 1)
    relative = np.divide(nearest, units, out=np.zeros(len(rows)), where=units > 0)
    relative[~np.isfinite(nearest)] = 1.0
    return rows.astype(np.int64), nearest, relative


def copy_threshold(reference: ArrayLike, groups: ArrayLike) -> CopyThreshold:
    """Set the threshold at the 1 % quantile of real images that are no copies.

    With G groups (patients) it is the k-th smallest of all reference distances, k the largest
    whole number up to `LEVEL` (G + 1), and at least 1. So below 199 groups it is the smallest, and
    of fresh real images up to 1 / (G + 1) lie below it: 2.5 % at 39. Images of one group lie alike,
    so groups are counted and not images.

    Args:
        reference: Relative distances of held-out images to the training images, or of training
            images to those of other groups, (N,), N at least 1.
        groups: Their groups, (N,).

    Raises:
        ValueError: No reference, or another number of groups.
    """
    values, own = np.sort(np.asarray(reference, dtype=np.float64)), np.asarray(groups)
    if not len(values) or values.shape != own.shape:
        raise ValueError(
            f"reference must be (N,) with a group each, N at least 1, but has shape {values.shape} "
            f"and groups {own.shape}."
        )
    n_groups = len(np.unique(own))
    order = max(1, int(LEVEL * (n_groups + 1)))
    return CopyThreshold(float(values[order - 1]), order, n_groups)


def count_copies(relative: ArrayLike, held_out: ArrayLike, threshold: CopyThreshold) -> CopiesFound:
    """Count the images below the threshold and say how surprising their number is.

    If fresh real images were looked at, the share below the k-th smallest of G references would be
    a draw from Beta(k, G + 1 - k) at most, so the count one from a beta-binomial: the p-value
    knows how rough a threshold from few held-out images is.

    Args:
        relative: Relative distances of the images, (N,), N at least 1.
        held_out: Those of held-out real images, (M,), whose median stands beside.
        threshold: From `copy_threshold`.

    Raises:
        ValueError: No images.
    """
    values = np.asarray(relative, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"relative must be (N,) with N at least 1 but has shape {values.shape}.")
    count, total = int((values < threshold.value).sum()), len(values)
    wilson = scipy.stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
    order, n_groups = threshold.order, threshold.n_groups
    chance = (
        scipy.stats.betabinom.sf(count - 1, total, order, n_groups + 1 - order) if count else 1.0
    )
    return CopiesFound(
        count=count,
        total=total,
        low=float(wilson.low),
        high=float(wilson.high),
        threshold=threshold.value,
        expected=threshold.expected,
        p_value=float(chance),
        median=float(np.median(values)),
        median_real=float(np.median(np.asarray(held_out))),
    )


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as points: grey values, averaged to at most `THUMBNAIL` rows and columns.

    Args:
        pixels: uint8, (N, H, W, C); may be a memory map.

    Returns:
        float32, (N, D), 0 to 255.
    """
    n_images, height, width, channels = pixels.shape
    rows, columns = _cuts(height), _cuts(width)
    areas = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))[..., None]
    small = np.empty((n_images, len(rows), len(columns), channels), dtype=np.float32)
    step = max(1, _BLOCK_VALUES // (height * width * channels))
    for start in range(0, n_images, step):
        sums = np.add.reduceat(pixels[start : start + step].astype(np.int64), rows, axis=1)
        small[start : start + step] = np.add.reduceat(sums, columns, axis=2) / areas
    return small.reshape(n_images, len(rows) * len(columns) * channels)


def _cuts(side: int) -> list[int]:
    return [side * part // min(side, THUMBNAIL) for part in range(min(side, THUMBNAIL))]


def equal_images(images: NDArray[np.uint8], train: NDArray[np.uint8]) -> int:
    """Return how many of `images` equal an image of `train` in every pixel, both (N, H, W, C)."""
    known = {one.tobytes() for one in train}
    return sum(one.tobytes() in known for one in images)


def _points(values: ArrayLike) -> Floats:
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2:
        raise ValueError(f"points must be (N, D) but have shape {points.shape}.")
    return points
