"""Confidence intervals of test metrics, for the results table."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr

from augsearch.data.conventions import FEWEST_DRAWN
from augsearch.evaluation import confusion
from augsearch.evaluation.inference.delong import auc_influence, variance_of
from augsearch.evaluation.inference.standard_error import check_confidence, standard_error
from augsearch.evaluation.inference.training_groups import group_means
from augsearch.evaluation.metrics import check, get_metric
from augsearch.evaluation.patients import Patients, count_of, fewest_of, numbered
from augsearch.evaluation.resampling import bootstrap_scores, resampled_counts
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

DRAWS = 1_000

_ROUNDING = 1e-12


def metric_interval(
    name: str,
    labels: ArrayLike,
    probabilities: ArrayLike,
    confidence: float,
    seed: Seed,
    groups: ArrayLike | None = None,
    patients: ArrayLike | None = None,
) -> tuple[float, float, float]:
    """Return a metric's mean over replicates with the two ends of its confidence interval.

    The interval is that of the recipe: over new images and, with R > 1, new trainings.

    AUC: DeLong variance on replicate-averaged influence plus s²/R (`standard_error`), t
    distribution, on the logit scale: A ± t·SE becomes expit(logit A ± t·SE / (A (1 - A))), which
    stays within 0 and 1 and is lopsided near 1, as it should be (Pepe 2003, section 5.2). The
    images' degrees of freedom are those of the smallest class, m - 1: its images carry nearly all
    of the variance where they are few. Simulated over AUCs of 0.7 to 0.95, scores of six shapes
    and 40 to 400 images of the other class, it holds the truth in 95 % for every m of 8 to 40; with
    n - 2 degrees for n images in 91.8 % at m = 10 and 94.7 % at m = 40. An AUC of 0.9 or 0.95, of
    10 images beside 400, it holds in 90 % (n - 2: 86 %): so few may show nothing of what is hard.
    An AUC of 0 or 1 has no such interval.

    Other metrics: percentiles of 1,000 bootstrap draws; each takes images with replacement within
    each class and replicates with replacement. As for `endpoint_gain` they lie farther out than
    nominal where images and trainings are few (the expanded percentile interval of Hesterberg 2015,
    with the same degrees of freedom). Draws where the metric is
    undefined (no positive decision in a ppv) are left out. If all draws give one value, as where
    every image is decided rightly, they tell nothing of other images, and there is no interval.
    Balanced accuracy, in which a class of few images counts as much as one of many, allows for
    classes that are decided all rightly (or all wrongly), so that no draw changes them: an end is
    moved, in quadrature (Zou and Donner 2008, Statistics in Medicine 27), by what other images may
    differ by (Clopper and Pearson 1934).

    Where patients have several images, patients are what varies and is drawn. Where a class has one
    image (or patient) only, nothing tells of others, and no metric has an interval; of two there
    are too few different draws, and the AUC alone has one.

    Args:
        name: A metric's name.
        labels: Integers, (N,), 0 to C - 1.
        probabilities: (R, N, C), one replicate each.
        confidence: Between 0 and 1, both excluded.
        seed: Where the bootstrap's randomness comes from.
        groups: (R,) integers, the generator behind each replicate, if there were several: then
            those take the replicates' place, and whole ones are drawn (G - 1 of G, which leaves
            the variance of their mean unbiased).
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Returns:
        Value, low, high. All NaN if the value is undefined; low and high alone if only they are.

    Raises:
        ValueError: Shapes or labels that do not match, groups that are uneven or alone, or a
            confidence outside its range.
        AugsearchError: Unknown metric, or more classes than it takes.
    """
    metric = get_metric(name)
    true, given = check(labels, probabilities)
    if given.ndim != 3 or len(given) == 0:
        raise ValueError(
            f"probabilities must be (R, N, C) with R at least 1 but have shape {given.shape}; "
            "stack the probabilities of the trainings."
        )
    check_confidence(confidence)
    runs = np.array([metric(true, replicate) for replicate in given])
    value = float(runs.mean())
    if math.isnan(value):
        return math.nan, math.nan, math.nan
    fewest = fewest_of(true, numbered(patients, len(true)), given.shape[2])
    if fewest == 1:
        return value, math.nan, math.nan
    if name == "auc":
        return value, *_auc_limits(true, given, confidence, fewest, groups, patients)
    if fewest < FEWEST_DRAWN:
        return value, math.nan, math.nan
    generator = seed.generator()
    drawn = bootstrap_scores(metric, true, given, DRAWS, generator, patients)
    weights = _shares(generator, len(given), groups)
    low, high = _bootstrap_limits(drawn, weights, runs, confidence, fewest, groups)
    if name == "balanced_accuracy" and not math.isnan(low):
        below, above = _unseen(true, given, confidence, numbered(patients, len(true)))
        low = max(0.0, value - math.hypot(value - low, below))
        high = min(1.0, value + math.hypot(high - value, above))
    return value, low, high


def _auc_limits(
    labels: NDArray[np.int64],
    probabilities: Floats,
    confidence: float,
    fewest: int,
    groups: ArrayLike | None,
    patients: ArrayLike | None,
) -> tuple[float, float]:
    aucs, influence = auc_influence(labels, probabilities, patients)
    mean = float(aucs.mean())
    runs, nested = (aucs, False) if groups is None else (group_means(aucs, groups), True)
    found = standard_error(variance_of(influence.mean(axis=0)), (runs,), fewest - 1.0, nested)
    width = found.half_width(confidence)
    if not (width > 0 and 0 < mean < 1):
        return math.nan, math.nan
    steps = width / (mean * (1 - mean)) * np.array([-1, 1])
    low, high = expit(logit(mean) + steps)
    return float(low), float(high)


def _bootstrap_limits(
    drawn: Floats,
    weights: Floats,
    runs: Floats,
    confidence: float,
    fewest: int,
    groups: ArrayLike | None,
) -> tuple[float, float]:
    """Return the ends of an interval.

    Args:
        drawn: The metric of every replicate on each draw of images, (DRAWS, R).
        weights: Of every replicate in each draw, (DRAWS, R).
        runs: The metric of every replicate on the images as they are, (R,).
        confidence: Between 0 and 1.
        fewest: Images (or patients) of the smallest class.
        groups: The generator behind each replicate.
    """
    # A replicate that a draw left out must not spoil it with 0 · NaN.
    means = np.where(weights > 0, weights * drawn, 0).sum(axis=1)
    means = means[~np.isnan(means)]
    on_images = drawn.mean(axis=1)
    on_images = on_images[~np.isnan(on_images)]
    if len(on_images) < 2 or np.ptp(means) < _ROUNDING:
        return math.nan, math.nan
    own, nested = (runs, False) if groups is None else (group_means(runs, groups), True)
    found = standard_error(float(on_images.var(ddof=1)), (own,), fewest - 1, nested)
    if found.se == 0:  # only draws in which a replicate is undefined differ
        return math.nan, math.nan
    tail = float(ndtr(-found.quantile(confidence)))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _unseen(
    labels: NDArray[np.int64], probabilities: Floats, confidence: float, patients: Patients
) -> tuple[float, float]:
    """Return what classes that no draw changes may be wrong (or right) in, as parts of the mean."""
    right = confusion.decide(probabilities) == labels
    below = above = 0.0
    for c in range(probabilities.shape[2]):
        of_class = labels == c
        most = 1 - ((1 - confidence) / 2) ** (1 / count_of(patients, of_class))
        part = (most / probabilities.shape[2]) ** 2
        if right[:, of_class].all():
            below += part
        elif not right[:, of_class].any():
            above += part
    return math.sqrt(below), math.sqrt(above)


def _shares(generator: np.random.Generator, replicates: int, groups: ArrayLike | None) -> Floats:
    """Return the weight of every replicate in each draw, (DRAWS, replicates); rows sum to 1."""
    if groups is None:
        return np.asarray(resampled_counts(generator, DRAWS, replicates) / replicates)
    _, places, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    drawn = resampled_counts(generator, DRAWS, len(sizes), len(sizes) - 1) / (len(sizes) - 1)
    return np.asarray(drawn[:, places] / sizes[places])
