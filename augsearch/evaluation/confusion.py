"""Metrics of hard decisions, from confusion matrices; any number of matrices at once.

Every function takes counts, (..., C, C), row = true class, column = decided class, and returns
float64, (...). An undefined quotient (0 / 0) gives NaN without a warning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def decide(probabilities: Floats) -> NDArray[np.int64]:
    """Return the decided class, (...), of class probabilities, (..., C).

    With two classes the positive one (index 1) is decided from 0.5 on; with more, the likeliest.
    """
    if probabilities.shape[-1] == 2:
        return (probabilities[..., 1] >= 0.5).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=-1), dtype=np.int64)


def count(labels: NDArray[np.int64], decided: NDArray[np.int64], n_classes: int) -> Floats:
    """Return the confusion matrix, (C, C), of true and decided classes, (N,) each."""
    cells = np.bincount(labels * n_classes + decided, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.float64)


def accuracy(counts: Floats) -> Floats:
    """Return the share of right decisions."""
    return _ratio(_right(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def balanced_accuracy(counts: Floats) -> Floats:
    """Return the mean over the classes of the share of each that is recognised."""
    return np.asarray(_ratio(_right(counts), counts.sum(axis=-1)).mean(axis=-1))


def f1(counts: Floats) -> Floats:
    """Return 2 TP / (2 TP + FP + FN) of the positive class; its mean over more than two classes."""
    per_class = _ratio(2 * _right(counts), counts.sum(axis=-1) + counts.sum(axis=-2))
    return per_class[..., 1] if counts.shape[-1] == 2 else np.asarray(per_class.mean(axis=-1))


def kappa(counts: Floats) -> Floats:
    """Return the agreement beyond chance, (p - e) / (1 - e), of Cohen 1960."""
    total = counts.sum(axis=(-2, -1))
    chance = _ratio((counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1), total**2)
    return _ratio(accuracy(counts) - chance, 1 - chance)


def sensitivity(counts: Floats) -> Floats:
    """Return the share of positives decided positive; two classes."""
    return _ratio(counts[..., 1, 1], counts[..., 1, :].sum(axis=-1))


def specificity(counts: Floats) -> Floats:
    """Return the share of negatives decided negative; two classes."""
    return _ratio(counts[..., 0, 0], counts[..., 0, :].sum(axis=-1))


def ppv(counts: Floats) -> Floats:
    """Return the share of positive decisions that are right; two classes."""
    return _ratio(counts[..., 1, 1], counts[..., :, 1].sum(axis=-1))


def npv(counts: Floats) -> Floats:
    """Return the share of negative decisions that are right; two classes."""
    return _ratio(counts[..., 0, 0], counts[..., :, 0].sum(axis=-1))


def _right(counts: Floats) -> Floats:
    return counts.diagonal(axis1=-2, axis2=-1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) != 0)
    return ratio
