"""How a score orders the images of two classes: ROC curve, and the counts behind AUC and DeLong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLOCK_VALUES = 1 << 17
"""Scores that are sorted at a time: small enough for the cache, and memory does not grow."""


def placements(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """Return for each image the share of the other class that it is ordered right against.

    For a positive image that is the share of negatives with a lower score, for a negative one the
    share of positives with a higher score; a tie counts half. These are the structural components
    V10 and V01 of DeLong et al. 1988, in one array; the mean over either class is the AUC. One
    sort per model gives them all, as the midranks of Sun and Xu 2014 do.

    Args:
        labels: (N,), 1 (or True) for the positive class, anything else for the negative one.
        scores: (..., N), one row of scores per model; the positive class should score higher.

    Returns:
        float64, (..., N), 0 to 1. NaN for every image of a model that has a NaN score, and for
        all images if one of the two classes is missing.

    Example:
        >>> placements([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1]).tolist()
        [1.0, 0.75, 0.75, 1.0]
    """
    positive = np.asarray(labels) == 1
    given = np.asarray(scores, dtype=np.float64)
    if positive.ndim != 1 or given.shape[-1:] != positive.shape:
        raise ValueError(
            f"labels must be (N,) and scores (..., N) but got {positive.shape} and {given.shape}; "
            "give one score per image and model."
        )
    n_images, n_positive = len(positive), int(positive.sum())
    if n_positive in (0, n_images):
        return np.full(given.shape, np.nan)
    others = np.where(positive, n_images - n_positive, n_positive)
    rows = given.reshape(-1, n_images)
    shares = np.empty(rows.shape)
    step = max(1, _BLOCK_VALUES // n_images)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        shares[start : start + step] = _twice_right_pairs(positive, block) / (2 * others)
    shares[np.isnan(rows).any(axis=1)] = np.nan
    return shares.reshape(given.shape)


def roc(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ROC curve of one model as scikit-learn draws it.

    Args:
        labels: (N,), 1 for the positive class.
        scores: (N,), positive-class scores.

    Returns:
        False positive rates and true positive rates, both rising from 0 to 1.

    Raises:
        ValueError: One of the two classes has no images.
    """
    from sklearn.metrics import roc_curve

    positive = np.asarray(labels) == 1
    if positive.all() or not positive.any():
        raise ValueError(
            f"labels must hold both classes but {int(positive.sum())} of {positive.size} images "
            "are positive; a ROC curve needs both."
        )
    false_positive_rate, true_positive_rate, _ = roc_curve(positive, np.asarray(scores))
    return false_positive_rate, true_positive_rate


def _twice_right_pairs(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Count, for each image, twice the images of the other class on its right side; (M, N)."""
    n_images = len(positive)
    order = scores.argsort(axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    is_positive = positive[order]
    # An image's ties fill the ranks first ... end - 1. Taken twice, the images of a class below
    # it, ties counted half, are those before `first` plus those before `end`.
    changes = ranked[:, 1:] != ranked[:, :-1]
    places = np.arange(1, n_images)
    first = np.zeros(scores.shape, dtype=np.int64)
    np.maximum.accumulate(np.where(changes, places, 0), axis=1, out=first[:, 1:])
    end = np.full(scores.shape, n_images, dtype=np.int64)
    end[:, :-1] = np.where(changes, places, n_images)
    end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
    positives_before = np.zeros((len(scores), n_images + 1), dtype=np.int64)
    is_positive.cumsum(axis=1, out=positives_before[:, 1:])
    twice_positives = np.take_along_axis(positives_before, first, axis=1)
    twice_positives += np.take_along_axis(positives_before, end, axis=1)
    twice_negatives = first + end - twice_positives
    right = np.where(is_positive, twice_negatives, 2 * positive.sum() - twice_positives)
    unsorted = np.empty_like(right)
    np.put_along_axis(unsorted, order, right, axis=1)
    return unsorted
