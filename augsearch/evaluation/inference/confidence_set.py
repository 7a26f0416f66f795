"""The amounts that are as good as the best, as far as the tuning set can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.search_curve import SearchCurve
from augsearch.evaluation.inference.standard_error import check_confidence
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

DRAWS = 4_000


@dataclass(frozen=True, eq=False)
class ConfidenceSet:
    """Which amounts may be the best one.

    Attributes:
        kept: bool, (K,); whether the amount is in the set. One with a NaN score never is.
        statistics: By how many standard errors another amount is ahead at most, (K,); NaN where
            nothing can be compared.
        critical: What the statistic may reach by chance, (K,); an amount beyond it is dropped.
    """

    kept: NDArray[np.bool_]
    statistics: Floats
    critical: Floats


def confidence_set(
    labels: ArrayLike,
    scores: ArrayLike,
    confidence: float,
    seed: Seed,
    draws: int = DRAWS,
    patients: ArrayLike | None = None,
) -> ConfidenceSet:
    """Return the amounts that cannot be told from the best one.

    Amount k is dropped if T_k = max_j (A_j - A_k) / se_jk exceeds the `confidence` quantile of
    max_j (Z_j - Z_k) / se_jk, with errors Z ~ N(0, Σ + τ²/R · I) and se_jk as in `max_t`. The set
    holds the truly best amount with probability `confidence` at least: it is the multiple
    comparisons with the best of Hsu 1984 (Annals of Statistics 12) with simulated quantiles. A
    small tuning set keeps almost every amount, which is what it has to say. The best score is
    always kept, and so is everything if a class has one image only.

    Args:
        labels: (N,) class indices of the tuning images; 1 is the positive class of two.
        scores: (K, R, N, C) class probabilities, or (K, R, N) positive-class scores.
        confidence: Between 0 and 1.
        seed: Where the draws come from.
        draws: How many.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Raises:
        ValueError: Shapes that do not match, a class without images, no amount without NaN, or a
            confidence outside its range.
    """
    check_confidence(confidence)
    curve = SearchCurve.of(labels, scores, patients)
    known = ~np.isnan(curve.aucs)
    statistics, critical = np.full((2, len(known)), np.nan)
    if not np.isnan(curve.covariance[np.ix_(known, known)]).any():
        found = _compared(curve.among(known), confidence, draws, seed)
        statistics[known], critical[known] = found
    with np.errstate(invalid="ignore"):
        return ConfidenceSet(known & ~(statistics > critical), statistics, critical)


def _compared(
    curve: SearchCurve, confidence: float, draws: int, seed: Seed
) -> tuple[Floats, Floats]:
    """Return statistics and critical values, (K,) each; NaN where no other amount differs."""
    se = curve.standard_errors()
    errors, more = curve.errors(draws, seed)
    statistics, critical = np.full((2, len(se)), np.nan)
    for k, own in enumerate(se):
        others = own > 0
        if others.any():
            scale = own[others]
            statistics[k] = ((curve.aucs[others] - curve.aucs[k]) / scale).max()
            drawn = np.sqrt(scale[:, None] ** 2 + more)
            largest = ((errors[others] - errors[k]) / drawn).max(axis=0)
            critical[k] = np.quantile(largest, confidence)
    return statistics, critical
