"""Metrics of hard decisions, from confusion matrices; any number of matrices at once.

Every metric takes counts, (..., C, C), row = true class, column = decided class, and returns
float64, (...). An undefined quotient (0 / 0) gives NaN without a warning.

Sensitivity, specificity, PPV, NPV and F1 ask about one class. With two classes that is the
positive one (index 1); with more, each class is taken against the rest, and the metric is the
macro mean over the classes.
"""

from __future__ import annotations

from collections.abc import Callable

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


def kappa(counts: Floats) -> Floats:
    """Return the agreement beyond chance, (p - e) / (1 - e), of Cohen 1960, over all classes."""
    total = counts.sum(axis=(-2, -1))
    chance = _ratio((counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1), total**2)
    return _ratio(accuracy(counts) - chance, 1 - chance)


def sensitivity(counts: Floats) -> Floats:
    """Return the share of a class's images that are decided so (recall)."""
    if counts.shape[-1] > 2:
        return _macro(sensitivity, counts)
    return _ratio(counts[..., 1, 1], counts[..., 1, :].sum(axis=-1))


def specificity(counts: Floats) -> Floats:
    """Return the share of the other images that are not decided to be of the class."""
    if counts.shape[-1] > 2:
        return _macro(specificity, counts)
    return _ratio(counts[..., 0, 0], counts[..., 0, :].sum(axis=-1))


def ppv(counts: Floats) -> Floats:
    """Return the share of decisions for a class that are right (precision)."""
    if counts.shape[-1] > 2:
        return _macro(ppv, counts)
    return _ratio(counts[..., 1, 1], counts[..., :, 1].sum(axis=-1))


def npv(counts: Floats) -> Floats:
    """Return the share of decisions against a class that are right."""
    if counts.shape[-1] > 2:
        return _macro(npv, counts)
    return _ratio(counts[..., 0, 0], counts[..., :, 0].sum(axis=-1))


def f1(counts: Floats) -> Floats:
    """Return 2 TP / (2 TP + FP + FN), the harmonic mean of sensitivity and PPV."""
    if counts.shape[-1] > 2:
        return _macro(f1, counts)
    right = counts[..., 1, 1]
    return _ratio(2 * right, counts[..., 1, :].sum(axis=-1) + counts[..., :, 1].sum(axis=-1))


def one_against_the_rest(counts: Floats) -> Floats:
    """Return every class's own matrix of two classes, [[TN, FP], [FN, TP]], (..., C, 2, 2)."""
    right = _right(counts)
    missed = counts.sum(axis=-1) - right
    false = counts.sum(axis=-2) - right
    others = counts.sum(axis=(-2, -1))[..., None] - right - missed - false
    cells = np.stack([others, false, missed, right], axis=-1)
    return cells.reshape(*right.shape, 2, 2)


def _macro(metric: Callable[[Floats], Floats], counts: Floats) -> Floats:
    """Return the mean of a two-class metric over the classes; NaN if a class has no images.

    A class that is never decided has no PPV. It counts as 0, as in scikit-learn: left out, it
    would reward the model that ignores it.
    """
    of_classes = np.nan_to_num(metric(one_against_the_rest(counts)))
    present = counts.sum(axis=-1).all(axis=-1)
    return np.where(present, of_classes.mean(axis=-1), np.nan)


def _right(counts: Floats) -> Floats:
    return counts.diagonal(axis1=-2, axis2=-1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) != 0)
    return ratio
