"""Without a test set: gains of all amounts over the base, on the images that chose among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.search_curve import SearchCurve
from augsearch.evaluation.inference.standard_error import check_confidence
from augsearch.evaluation.inference.verdict import (
    DEGENERATE,
    ONE_RUN,
    Verdict,
    label_of,
    without_interval,
)
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

DRAWS = 4_000

ON_TUNING = "judged on the tuning set, which chose the amount, as there is no test set"
ONE_TUNING_IMAGE = "a class has one tuning image (or patient) only, so no interval can be given"
NO_SCORE = "an amount with a NaN score cannot be compared"


@dataclass(frozen=True, eq=False)
class MaxT:
    """Simultaneous intervals of the gains of all amounts.

    Attributes:
        gains: Mean AUC of each amount minus that of the base, (K,); NaN for an amount with a NaN
            score.
        se: Their standard errors, (K,); 0 for the base.
        low: Lower ends, (K,); NaN where there is no interval.
        high: Upper ends, (K,).
        critical: Half the width of an interval in standard errors; the quantile of the largest
            absolute gain, in standard errors, that noise alone gives. NaN if there is nothing to
            compare.
        replicates: Trainings per amount, R.
    """

    gains: Floats
    se: Floats
    low: Floats
    high: Floats
    critical: float
    replicates: int

    @property
    def candidates(self) -> int:
        """Amounts that are compared with the base: their gain has a variance."""
        return int((self.se > 0).sum())

    def verdict(self, index: int) -> Verdict:
        """Return the verdict on one amount, whichever it is and however it was chosen."""
        gain, se, low = float(self.gains[index]), float(self.se[index]), float(self.low[index])
        if math.isnan(low):
            why = DEGENERATE if not math.isnan(se) else ONE_TUNING_IMAGE
            why = NO_SCORE if math.isnan(gain) else why
            return without_interval(gain, se, f"{ON_TUNING}; {why}")
        high = float(self.high[index])
        notes = [ON_TUNING]
        if self.candidates > 1:
            notes.append(f"the interval holds for all {self.candidates} candidates at once (max-T)")
        if self.replicates == 1:
            notes.append(ONE_RUN)
        freedom = math.inf if se else math.nan
        return Verdict(label_of(low, high), gain, low, high, se, freedom, "; ".join(notes))


def max_t(
    labels: ArrayLike,
    scores: ArrayLike,
    base_index: int,
    confidence: float,
    seed: Seed,
    draws: int = DRAWS,
    patients: ArrayLike | None = None,
) -> MaxT:
    """Compare every amount with the base on the tuning set, and account for having looked at all.

    With errors Z ~ N(0, Σ + τ²/R · I), Σ the DeLong covariance of the K mean AUCs over images and
    τ² the run variance pooled over K (`SearchCurve`), the critical value c is the `confidence`
    quantile of max_k |Z_k - Z_base| / se_k, from `draws` draws: max-T of Westfall and Young 1993
    (Resampling-Based Multiple Testing, section 2.3). In each draw se_k has a τ² of its own, which
    so few trainings could as well have shown. The intervals gain_k ± c · se_k hold all true
    gains at once, so the one that is looked at may be chosen after the fact. They speak of these
    trainings' recipes over new images; with one replicate, of these models only.

    Args:
        labels: (N,) class indices of the tuning images; 1 is the positive class of two.
        scores: (K, R, N, C) class probabilities, or (K, R, N) positive-class scores, of the R
            trainings of each of K amounts.
        base_index: Which of the K is the base.
        confidence: Of all intervals together, between 0 and 1.
        seed: Where the draws come from.
        draws: How many.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Raises:
        ValueError: Shapes that do not match, a class without images, a base with a NaN score, or
            numbers outside their range.
    """
    check_confidence(confidence)
    curve = SearchCurve.of(labels, scores, patients)
    if not 0 <= base_index < len(curve.aucs):
        raise ValueError(
            f"base_index must lie between 0 and {len(curve.aucs) - 1} but got {base_index}; "
            "give the place of the base among the amounts."
        )
    if np.isnan(curve.aucs[base_index]):
        raise ValueError("the AUC of the base must be a number but is not; look for NaN scores.")
    gains = curve.aucs - curve.aucs[base_index]
    se = curve.standard_errors()[base_index]
    critical = _critical(curve, base_index, se, confidence, draws, seed)
    with np.errstate(invalid="ignore"):
        width = np.where(se > 0, critical * se, np.where(np.abs(gains) < 1e-12, 0.0 * se, np.nan))
    return MaxT(gains, se, gains - width, gains + width, critical, curve.replicates)


def _critical(
    curve: SearchCurve, base: int, se: Floats, confidence: float, draws: int, seed: Seed
) -> float:
    compared = np.flatnonzero(se > 0)
    if not compared.size:
        return math.nan
    known = ~np.isnan(curve.aucs)
    errors = np.empty((len(se), draws))
    errors[known], more = curve.among(known).errors(draws, seed)
    scale = np.sqrt(se[compared, None] ** 2 + more)
    largest = np.abs((errors[compared] - errors[base]) / scale).max(axis=0)
    return float(np.quantile(largest, confidence))
