"""Does adding images help in another endpoint: sensitivity, kappa, accuracy, Brier score ...?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from augsearch.evaluation.inference.standard_error import check_confidence, standard_error
from augsearch.evaluation.inference.training_groups import independent_runs
from augsearch.evaluation.inference.verdict import (
    ONE_IMAGE,
    ONE_RUN,
    TWO_GENERATORS,
    Verdict,
    judged,
    two_generators,
    without_interval,
)
from augsearch.evaluation.metrics import Metric, check
from augsearch.evaluation.patients import fewest_of, numbered
from augsearch.evaluation.resampling import bootstrap_scores, resampled_counts
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

DRAWS = 2_000

UNDEFINED = "the metric is undefined for a training, so there is no gain to speak of"


def endpoint_gain(
    metric: Metric,
    labels: ArrayLike,
    base: ArrayLike,
    chosen: ArrayLike,
    confidence: float,
    seed: Seed,
    draws: int = DRAWS,
    *,
    base_groups: ArrayLike | None = None,
    chosen_groups: ArrayLike | None = None,
    patients: ArrayLike | None = None,
) -> Verdict:
    """Compare two recipes in any metric by a paired bootstrap over images and trainings.

    Each draw adds two parts, as the variance of `verdict` does: the gain of all trainings on images
    taken with replacement within each class, the same for both arms; and how far R - 1 of each
    arm's R trainings, taken with replacement, are from its mean on the images as they are (R - 1
    leaves the variance of a mean unbiased, Rao and Wu 1988). Both in one stroke would count twice
    what a training makes of an image. The ends of the interval are percentiles of the drawn gains,
    farther out than nominal as few trainings and images ask for: at Φ(∓t), with t the quantile of
    the t distribution that a t interval would use (the expanded percentile interval of Hesterberg
    2015, American Statistician 69), its degrees of freedom as in `verdict` but those of the images
    m - 1, m the size of the smallest class. With one training in an arm the answer speaks of these
    models only, and the note says so. Patients with several images are drawn whole, and m counts
    patients.

    Args:
        metric: What is measured; see `augsearch.evaluation.metrics.get_metric`.
        labels: (N,) class indices; 1 is the positive class of two.
        base: (R, N, C) class probabilities of the base arm's trainings.
        chosen: The same for the chosen amount; its R may be another one.
        confidence: Of the interval, between 0 and 1.
        seed: Where the draws come from.
        draws: How many. Those in which the metric is undefined are left out.
        base_groups: The generator behind each training of the base arm, as for `verdict`: then
            whole generators are drawn.
        chosen_groups: The same of the chosen arm.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Returns:
        The gain, positive if the chosen arm is better, whichever direction the metric has; its
        interval and its label.

    Raises:
        ValueError: Shapes or labels that do not match, NaN probabilities, a class without images,
            groups that are uneven or alone, or a confidence outside its range.
        AugsearchError: More classes than the metric takes.
    """
    check_confidence(confidence)
    true, arms = _checked(labels, base, chosen)
    metric.check_classes(arms[0].shape[2])
    sign = metric.sign
    scores = [sign * np.array([metric(true, one) for one in arm]) for arm in arms]
    gain = float(scores[1].mean() - scores[0].mean())
    if np.isnan(gain):
        return without_interval(gain, np.nan, UNDEFINED)
    fewest = fewest_of(true, numbered(patients, len(true)), arms[0].shape[2])
    if fewest == 1:
        return without_interval(gain, np.nan, ONE_IMAGE)
    generator = seed.generator()
    every = np.concatenate(arms)
    drawn = sign * bootstrap_scores(metric, true, every, draws, generator, patients)
    on_base, on_chosen = np.split(drawn, [len(arms[0])], axis=1)
    gains = on_chosen.mean(axis=1) - on_base.mean(axis=1)
    gains = gains[~np.isnan(gains)]
    if len(gains) < 2:
        return without_interval(gain, np.nan, UNDEFINED)
    runs = independent_runs(scores[0], scores[1], base_groups, chosen_groups)
    nested = base_groups is not None or chosen_groups is not None
    found = standard_error(float(gains.var(ddof=1)), runs, fewest - 1, nested)
    if min(map(len, arms)) > 1:
        luck = [_luck(generator, one, len(gains)) for one in runs]
        for one in reversed(luck):
            gains = gains + one
    notes = [ONE_RUN] if min(map(len, arms)) == 1 else []
    notes += [TWO_GENERATORS] if two_generators(base_groups, chosen_groups) else []

    def ends(t: float) -> tuple[float, float]:
        tail = float(ndtr(-t))
        low, high = map(float, np.quantile(gains, [tail, 1 - tail]))
        return low, high

    return judged(gain, found, confidence, ends, notes)


def _checked(
    labels: ArrayLike, base: ArrayLike, chosen: ArrayLike
) -> tuple[NDArray[np.int64], tuple[Floats, Floats]]:
    true, first = check(labels, base)
    _, second = check(labels, chosen)
    for name, given in (("base", first), ("chosen", second)):
        if given.ndim != 3 or len(given) == 0:
            raise ValueError(
                f"{name} must be (R, N, C) with at least one training but has shape {given.shape}; "
                "stack the probabilities of its trainings."
            )
        if np.isnan(given).any():
            raise ValueError(
                f"{name} must hold numbers but some are NaN; look for a training that diverged."
            )
    if first.shape[2] != second.shape[2]:
        raise ValueError(
            f"base and chosen must have the same classes but have {first.shape[2]} and "
            f"{second.shape[2]}; score both arms with one set of classes."
        )
    present = np.bincount(true, minlength=first.shape[2])
    if not present.all():
        raise ValueError(
            f"labels must hold every class but class {int(present.argmin())} has no image; "
            "an endpoint needs test images of every class."
        )
    return true, (first, second)


def _luck(generator: np.random.Generator, scores: Floats, draws: int) -> Floats:
    """Return how far the mean over resampled trainings is from that of all, (draws,)."""
    size = len(scores) - 1
    counts = resampled_counts(generator, draws, len(scores), size)
    return np.asarray(counts @ scores / size - scores.mean())
