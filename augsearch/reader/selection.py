"""Which real and synthetic images readers are shown: how many of each class, and which ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import DataError
from augsearch.messages import show
from augsearch.seeds import Seed


def proportional_shares(counts: Sequence[int], wanted: int) -> tuple[int, ...]:
    """Share `wanted` images out over the classes as the classes' sizes are (largest remainder).

    Args:
        counts: Images there are of each class.
        wanted: How many to show, at most all of them.

    Example:
        >>> proportional_shares((90, 60, 10), 17)
        (10, 6, 1)
    """
    quotas = [wanted * count / sum(counts) for count in counts]
    shares = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(counts)), key=lambda label: shares[label] - quotas[label])
    for label in by_remainder[: wanted - sum(shares)]:
        shares[label] += 1
    return tuple(shares)


def equal_shares(counts: Sequence[int], wanted: int) -> tuple[int, ...]:
    """Share `wanted` images out equally over the classes that have any; first classes one more.

    Example:
        >>> equal_shares((64, 64, 0), 7)
        (4, 3, 0)
    """
    present = [label for label, count in enumerate(counts) if count]
    shares = [0] * len(counts)
    for place, label in enumerate(present):
        shares[label] = wanted // len(present) + (place < wanted % len(present))
    return tuple(shares)


def most_equal(counts: Sequence[int]) -> int:
    """Return how many images can be shared out equally over the classes that have any.

    Example:
        >>> most_equal((64, 70, 0))
        128
    """
    present = [count for count in counts if count]
    return len(present) * min(present, default=0)


def check_wanted(option: str, wanted: int, counts: dict[str, int], most: int) -> None:
    """Refuse to show more images than there are, or none.

    Raises:
        DataError: Says how many there are of each class.
    """
    if 1 <= wanted <= most:
        return
    there = ", ".join(f"{count} of class {show(name)}" for name, count in counts.items())
    raise DataError(f"{option} must be between 1 and {most} but got {wanted}; there are {there}.")


def draw(labels: NDArray[np.int64], shares: Sequence[int], seed: Seed) -> NDArray[np.int64]:
    """Draw `shares[c]` images of each class c without repetition; more contains fewer.

    Args:
        labels: int64, (N,), the classes of all images there are.
        shares: How many of each class; at most as many as there are.
        seed: Decides which.

    Returns:
        int64, rows of `labels`, by class.
    """
    drawn = []
    for label, share in enumerate(shares):
        rows = np.flatnonzero(labels == label)
        drawn.append(seed.child("class", label).generator().permutation(rows)[:share])
    return np.concatenate(drawn).astype(np.int64)
