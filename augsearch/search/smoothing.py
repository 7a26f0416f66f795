"""The smoothed optimum of a search's history: where the curve behind the noise is best.

The raw maximum of many noisy scores is optimistic, by 0.07 of AUC in simulated searches with 39
tuning images; the posterior mean of a Gaussian process is nearly not. What the choice of tuning
images does to all amounts alike is in neither mean nor standard deviation here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from augsearch.records import Evaluation
from augsearch.search.gaussian_process import Smoothed, smoothed
from augsearch.search.rounds import merged
from augsearch.search.settings import Direction, sign_of

LUCK_VARIANCE = 0.01**2
"""What a training's own luck adds to the variance of an AUC, where no replicate shows it."""

_GUESS_WEIGHT = 4  # degrees of freedom: two trainings that happen to agree do not prove much
_DIGITS = 12  # of scores that are compared: equal ones differ in the last bits between machines


@dataclass(frozen=True)
class SmoothedOptimum:
    """The best of the tried amounts on the smoothed curve.

    Attributes:
        multiple: Which one.
        mean: Posterior mean of its score.
        sd: Posterior standard deviation of its score.
    """

    multiple: float
    mean: float
    sd: float


def score_variance(history: Sequence[Evaluation], noise: float | None = None) -> float | None:
    """Return the variance of one score, at an amount, around what the amount is worth.

    Replicates say it: the variance within amounts, pooled over them, without what the folds (in
    general: the places within a round) have in common. To that comes a guess worth 4 degrees of
    freedom, which is all there is without replicates: `noise`, or else what neighbouring amounts
    differ by (Rice 1984), as if the curve were flat between them.

    Args:
        history: Evaluations with equally many scores each; those that are not finite are left out.
        noise: What the caller knows of that variance: in a study with one replicate, half the mean
            paired DeLong variance of neighbouring amounts + 0.01².

    Returns:
        The variance; None if there is neither a replicate nor `noise` nor a second amount.
    """
    finite = [entry for entry in history if math.isfinite(entry.score)]
    squares, freedom = _within_amounts(finite)
    guess = _between_neighbours(merged(finite)) if noise is None else noise
    if guess is None:
        return squares / freedom if freedom else None
    return (squares + _GUESS_WEIGHT * guess) / (freedom + _GUESS_WEIGHT)


def smoothed_history(history: Sequence[Evaluation], noise: float | None = None) -> Smoothed | None:
    """Smooth the scores of a search over log K, at the amounts with a finite score, rising.

    Args:
        history: Evaluations of multiples above 0, in any order; rounds are merged.
        noise: See `score_variance`.

    Returns:
        The curve; None if no score is finite, if an amount is below 1 (then it is no multiple), or
        if nothing says how noisy scores are.
    """
    entries = [entry for entry in merged(history) if math.isfinite(entry.score)]
    with np.errstate(over="ignore", invalid="ignore"):
        variance = score_variance(history, noise)
        if variance is None or not math.isfinite(variance):
            return None
        if not entries or entries[0].multiple < 1:
            return None
        multiples = [entry.multiple for entry in entries]
        variances = [variance / len(entry.scores) for entry in entries]
        curve = smoothed(multiples, [entry.score for entry in entries], variances)
    return curve if np.isfinite(curve.mean).all() else None


def smoothed_optimum(
    history: Sequence[Evaluation],
    noise: float | None = None,
    direction: Direction = "maximize",
) -> SmoothedOptimum | None:
    """Return the tried amount with the best posterior mean, the smallest on ties.

    Args:
        history: Evaluations of multiples.
        noise: See `score_variance`.
        direction: "maximize" or "minimize".

    Returns:
        The optimum; None where `smoothed_history` gives none.
    """
    curve = smoothed_history(history, noise)
    if curve is None:
        return None
    place = best_place(curve, direction)
    return SmoothedOptimum(float(curve.at[place]), float(curve.mean[place]), float(curve.sd[place]))


def best_place(curve: Smoothed, direction: Direction) -> int:
    """Return which of a curve's amounts has the best posterior mean, the first on ties."""
    return int(np.argmax(sign_of(direction) * curve.mean.round(_DIGITS)))


def smoothed_order(history: Sequence[Evaluation], direction: Direction) -> tuple[Evaluation, ...]:
    """Return the finite amounts, the best posterior mean first, the smaller amount on ties.

    Their scores are the posterior means, or the plain ones where nothing says how noisy those are.
    """
    entries = [entry for entry in merged(history) if math.isfinite(entry.score)]
    curve = smoothed_history(history)
    if curve is not None:
        entries = [
            Evaluation(entry.multiple, float(mean), entry.scores)
            for entry, mean in zip(entries, curve.mean, strict=True)
        ]
    sign = sign_of(direction)
    return tuple(sorted(entries, key=lambda entry: -sign * round(entry.score, _DIGITS)))


def _within_amounts(finite: Sequence[Evaluation]) -> tuple[float, int]:
    """Return the sum of squares within amounts, and its degrees of freedom.

    A two-way analysis: every round has every place (fold and replicate) once, so that amounts and
    places are orthogonal.
    """
    if not finite:
        return 0.0, 0
    means = {entry.multiple: entry.score for entry in merged(finite)}
    scores = np.array([entry.scores for entry in finite])
    places = (scores - scores.mean(axis=1, keepdims=True)).mean(axis=0)
    residuals = scores - places - np.array([[means[entry.multiple]] for entry in finite])
    freedom = scores.size - len(means) - (scores.shape[1] - 1)
    return (float((residuals**2).sum()), freedom) if freedom > 0 else (0.0, 0)


def _between_neighbours(entries: Sequence[Evaluation]) -> float | None:
    """Return the mean squared difference of neighbours, in units of one score's variance."""
    ratios = [
        np.square(one.score - other.score) / (1 / len(one.scores) + 1 / len(other.scores))
        for one, other in pairwise(entries)
    ]
    return float(np.mean(ratios)) if ratios else None
