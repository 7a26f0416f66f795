"""Metrics of probabilities and orders, for many weightings of the images at once.

Each takes labels (N,), class probabilities (N, C) and weights (D, N), how often each of D bootstrap
draws holds each image, and returns float64, (D,). Every class must have weight in every draw.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BLOCK_VALUES = 1 << 22
_ROUNDING = 1e-9
"""1 - 0.9 false positives must not be fewer than 0.1 of them."""


def brier(labels: Ints, probabilities: Floats, weights: Floats) -> Floats:
    """Return the mean squared distance of the probabilities from what is true; 0 is best.

    Of the positive class with two classes, 0 to 1; summed over the classes with more, 0 to 2, as
    Brier 1950 (Monthly Weather Review 78, equation 2) and scikit-learn do.
    """
    missed = probabilities - np.eye(probabilities.shape[1])[labels]
    squares = missed[:, 1] ** 2 if missed.shape[1] == 2 else (missed**2).sum(axis=1)
    return np.asarray(weights @ squares / weights.sum(axis=1))


def sensitivity_at(
    specificity: float, labels: Ints, probabilities: Floats, weights: Floats
) -> Floats:
    """Return the largest sensitivity among the cut-offs whose specificity is at least so large.

    Every draw has its own cut-off: it is the draw's ROC curve that is read. Two classes.
    """
    order = np.argsort(-probabilities[:, 1], kind="stable")
    ranked = probabilities[order, 1]
    # A cut-off lies between two different scores, so only the last of equal ones can be one.
    cuts = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    positive = labels[order] == 1
    drawn = weights[:, order]
    hits = np.cumsum(drawn * positive, axis=1)
    alarms = np.cumsum(drawn * ~positive, axis=1)
    allowed = alarms[:, cuts] <= (1 - specificity + _ROUNDING) * alarms[:, -1:]
    return np.asarray((hits[:, cuts] * allowed).max(axis=1) / hits[:, -1])


def macro_auc(labels: Ints, probabilities: Floats, weights: Floats) -> Floats:
    """Return the AUC of column 1 for two classes, the mean one-against-the-rest AUC for more."""
    n_classes = probabilities.shape[1]
    classes = (1,) if n_classes == 2 else range(n_classes)
    return np.asarray(
        np.mean([_auc(labels == c, probabilities[:, c], weights) for c in classes], axis=0)
    )


def _auc(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    of_positives, of_negatives = weights[:, positive], weights[:, ~positive]
    right = np.zeros(len(weights))
    step = max(1, _BLOCK_VALUES // max(1, of_negatives.shape[1]))
    for start in range(0, of_positives.shape[1], step):
        part = slice(start, start + step)
        ahead = right_pairs(scores[positive][part], scores[~positive])
        right += np.einsum("di,di->d", of_positives[:, part], of_negatives @ ahead.T)
    return np.asarray(right / (of_positives.sum(axis=1) * of_negatives.sum(axis=1)))


def right_pairs(positives: Floats, negatives: Floats) -> Floats:
    """Return 1 where a positive scores higher than a negative, half for a tie, else 0.

    Args:
        positives: Scores, (..., m).
        negatives: Scores, (..., n).

    Returns:
        float64, (..., m, n).
    """
    high, low = positives[..., :, None], negatives[..., None, :]
    return np.asarray((high > low) + 0.5 * (high == low))
