"""Trainings on the images of one generator share its luck: what is independent, and what is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def group_means(scores: Floats, groups: ArrayLike) -> Floats:
    """Return the mean score of each group of trainings, (G,), by rising group number.

    Trainings of one group share a trained generator, so the groups are what is independent. The
    variance of a balanced nested design's mean is s²/G with s² the sample variance of its G group
    means, whichever part of it comes from generators and which from trainings; G - 1 degrees of
    freedom (Searle, Casella and McCulloch 1992, Variance Components, chapter 3).

    Args:
        scores: (R,).
        groups: (R,) integers, the generator that each training belongs to.

    Raises:
        ValueError: Not one number per training, fewer than two groups, or groups of unequal size.

    Example:
        >>> group_means(np.array([0.5, 0.25, 0.75, 0.75]), [0, 1, 0, 1]).tolist()
        [0.625, 0.5]
    """
    given = np.asarray(groups)
    if given.shape != scores.shape:
        raise ValueError(
            f"groups must hold one number per training, {len(scores)}, but have shape "
            f"{given.shape}; give the generator of each."
        )
    _, places, sizes = np.unique(given, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise ValueError(
            "groups must name at least 2 generators but name 1; leave them out to speak of that "
            "one generator."
        )
    if sizes.min() != sizes.max():
        raise ValueError(
            f"every generator must have as many trainings but they have {sizes.tolist()}; "
            "spread the trainings evenly."
        )
    return np.asarray(np.bincount(places, weights=scores) / sizes)


def independent_runs(
    base: Floats,
    chosen: Floats,
    base_groups: ArrayLike | None = None,
    chosen_groups: ArrayLike | None = None,
) -> tuple[Floats, ...]:
    """Return independent numbers, one array per sample, whose means add up to the arms' gain.

    Without groups these are the scores of all trainings, those of the base arm with a minus. With
    groups, an arm's group means stand for its trainings. Arms whose groups have the same numbers
    share their generators, and so their luck: one array with the difference of each generator.

    Args:
        base: (R,) scores of the base arm's trainings.
        chosen: The same of the chosen arm, of another R perhaps.
        base_groups: (R,) integers, which generator each training belongs to; None: to none, or all
            to one that counts as given. Equal numbers are the same generator in both arms.
        chosen_groups: The same of the chosen arm.

    Raises:
        ValueError: Groups that `group_means` refuses, or arms that share only some of them.
    """
    first = base if base_groups is None else group_means(base, base_groups)
    second = chosen if chosen_groups is None else group_means(chosen, chosen_groups)
    if base_groups is None or chosen_groups is None:
        return -first, second
    names = set(np.asarray(base_groups).tolist()), set(np.asarray(chosen_groups).tolist())
    if names[0] == names[1]:
        return (second - first,)
    if names[0] & names[1]:
        raise ValueError(
            f"both arms must have the same generators, or none in common, but have "
            f"{sorted(names[0])} and {sorted(names[1])}; train both arms on all of them."
        )
    return -first, second
