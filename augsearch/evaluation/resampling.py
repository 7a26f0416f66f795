"""Bootstrap draws: images with replacement within each class, and a metric of every draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation import confusion
from augsearch.evaluation.metrics import Metric
from augsearch.evaluation.patients import Patients, numbered

Floats = NDArray[np.float64]

_BLOCK_VALUES = 1 << 18
"""Weights of images that are held at a time: they fit the cache, and memory does not grow."""


def bootstrap_scores(
    metric: Metric,
    labels: NDArray[np.int64],
    probabilities: Floats,
    draws: int,
    generator: np.random.Generator,
    patients: ArrayLike | None = None,
) -> Floats:
    """Return the metric of every replicate on the same class-stratified draws of images.

    Args:
        metric: What is measured.
        labels: (N,).
        probabilities: (R, N, C), without NaN.
        draws: How many, D; each takes images with replacement within each class.
        generator: Where the randomness comes from.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Returns:
        float64, (D, R); NaN where the metric is undefined in a draw.
    """
    own = numbered(patients, len(labels))
    step = max(1, _BLOCK_VALUES // len(labels))
    blocks = []
    for start in range(0, draws, step):
        weights = resampled_images(generator, labels, min(step, draws - start), own)
        whole = np.all([weights[:, labels == c].any(axis=1) for c in np.unique(labels)], axis=0)
        scores = np.full((len(weights), len(probabilities)), np.nan)
        scores[whole] = scores_of_draws(metric, labels, probabilities, weights[whole])
        blocks.append(scores)
    return np.concatenate(blocks)


def resampled_images(
    generator: np.random.Generator,
    labels: NDArray[np.int64],
    draws: int,
    patients: Patients = None,
) -> NDArray[np.int64]:
    """Return how often each image is drawn if every class keeps its size, (draws, N).

    With patients of several images they are drawn whole, and a class keeps its number of patients;
    one with images of several classes counts as of the rarest of them, which so is in every draw.
    """
    weights = np.zeros((draws, len(labels)), dtype=np.int64)
    kind = labels if patients is None else _rarest_class(labels, patients)
    for c in np.unique(kind):
        members = np.flatnonzero(kind == c)
        own = members if patients is None else patients[members]
        names, places = np.unique(own, return_inverse=True)
        weights[:, members] = resampled_counts(generator, draws, len(names))[:, places]
    return weights


def _rarest_class(labels: NDArray[np.int64], patients: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each image the rarest class that its patient has an image of."""
    order = np.argsort(np.bincount(labels), kind="stable")
    ranks = np.argsort(order)[labels]
    least = np.full(patients.max() + 1, len(order))
    np.minimum.at(least, patients, ranks)
    return np.asarray(order[least[patients]])


def resampled_counts(
    generator: np.random.Generator, draws: int, n: int, size: int | None = None
) -> NDArray[np.int64]:
    """Return how often each of n things is drawn in `size` (n) draws with replacement, (draws, n).

    A mean over n things keeps its variance s²/n, without bias, with size = n - 1 (Rao and Wu 1988,
    JASA 83); with size = n it shrinks by (n - 1)/n, a fifth for five trainings.
    """
    drawn = generator.integers(n, size=(draws, n if size is None else size))
    drawn += n * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n)


def scores_of_draws(
    metric: Metric,
    labels: NDArray[np.int64],
    probabilities: Floats,
    weights: NDArray[np.int64],
) -> Floats:
    """Return the metric of every draw and replicate, (draws, R).

    Args:
        metric: What is measured.
        labels: (N,).
        probabilities: (R, N, C), without NaN.
        weights: How often each draw holds each image, (draws, N).
    """
    if metric.of_confusion is not None:
        return metric.of_confusion(_counts_of_draws(labels, probabilities, weights))
    if metric.of_weights is not None:
        of_weights, counted = metric.of_weights, weights.astype(np.float64)
        return np.stack([of_weights(labels, p, counted) for p in probabilities], axis=1)
    draws = [np.repeat(np.arange(len(labels)), row) for row in weights]
    return np.array([[metric(labels[d], p[d]) for p in probabilities] for d in draws])


def _counts_of_draws(
    labels: NDArray[np.int64], probabilities: Floats, weights: NDArray[np.int64]
) -> Floats:
    """Return the confusion matrix of every draw and replicate, (draws, R, C, C)."""
    n_classes = probabilities.shape[2]
    decided = confusion.decide(probabilities)
    counts = np.empty((len(weights), len(probabilities), n_classes, n_classes))
    # Row c of a draw's confusion matrix: its weights of class c, summed by decision.
    for c in range(n_classes):
        members = labels == c
        choices = (decided[:, members, None] == np.arange(n_classes)).astype(np.float64)
        counts[:, :, c] = np.tensordot(weights[:, members].astype(np.float64), choices, ([1], [1]))
    return counts
