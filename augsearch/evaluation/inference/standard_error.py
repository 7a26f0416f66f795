"""How far a test AUC, or a gain, can be trusted: images and training runs are both a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtridf, stdtrit

ZERO_VARIANCE = 1e-28
"""Below this a variance of AUCs is rounding: half a pair among 100,000 images gives 1e-21."""

MOST_FREEDOM = 1e6
"""Beyond it a t distribution is a normal one, and its degrees of freedom cannot be told."""


@dataclass(frozen=True)
class StandardError:
    """The standard error of an estimate.

    Attributes:
        se: Square root of image variance + run variance.
        degrees_of_freedom: Of the t distribution that belongs to it, by Satterthwaite.
        parts: If generators are among the runs, each variance with its own degrees of freedom.
    """

    se: float
    degrees_of_freedom: float
    parts: tuple[tuple[float, float], ...] = ()

    def quantile(self, confidence: float) -> float:
        """Return t, how many SE lie between the estimate and either end of its interval.

        It is that of the t distribution, or with `parts` the mean of their t quantiles, each
        weighted by its variance (Cochran and Cox 1957, Experimental Designs).

        Args:
            confidence: Between 0 and 1, both excluded; 0.95 leaves 2.5 % beyond each end.
        """
        tail = (1 + confidence) / 2
        if not self.parts:
            return float(stdtrit(self.degrees_of_freedom, tail))
        return float(sum(own * stdtrit(freedom, tail) for own, freedom in self.parts) / self.se**2)

    def half_width(self, confidence: float) -> float:
        """Return t · SE, the distance from the estimate to either end of its interval."""
        return self.quantile(confidence) * self.se

    def freedom(self, confidence: float) -> float:
        """Return the degrees of freedom of the t distribution with that quantile."""
        if not self.parts:
            return self.degrees_of_freedom
        found = float(stdtridf((1 + confidence) / 2, self.quantile(confidence)))
        return found if found < MOST_FREEDOM else math.inf


def check_confidence(confidence: float) -> None:
    """Raise a ValueError unless `confidence` lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1 but got {confidence}; try 0.95.")


def standard_error(
    image_variance: float,
    run_scores: Sequence[NDArray[np.float64]],
    image_freedom: float,
    generators: bool = False,
) -> StandardError:
    """Add the variance over images to the variance over training runs.

    v_a = s²/R for every arm, with s² the sample variance (R - 1) of the arm's R test AUCs;
    SE² = v_image + Σ v_a; degrees of freedom by Satterthwaite 1946, arm by arm as in Welch's test:

        SE⁴ / (Σ v_a² / (R - 1) + v_image² / image_freedom).

    An arm whose trainings are all alike (a convex head on the same images) has no variance and so
    lends no degrees of freedom. One pooled run variance with Σ (R - 1) degrees would: simulated
    with R = 5 and no variance over images it claims a gain in 4.1 % of 400,000 flat studies if one
    arm's trainings are alike, and in 3.4 % if their spreads are 1 to 3, against 2.5 % and 2.6 %
    here (nominal 2.5 %). With equal spreads it is 2.5 % against 2.2 %.

    If an arm has one run only, its run variance is unknown: all run variances are left out, and the
    answer speaks of these models alone.

    Few trained generators have few degrees of freedom, and Satterthwaite's are too many where the
    variance between them is a large part. Simulated with 2 generators (3; 5) behind one arm, 10
    trainings of the other, and a variance between generators that is once / four times that over
    images, it claims a gain in 3.5 / 5.6 % of 200,000 flat studies (3.0 / 3.7; 2.6 / 2.9), the
    weighted t of Cochran and Cox in 1.4 / 2.3 % (1.6 / 2.0; 1.8 / 2.1; nominal 2.5 %): that it is.

    Args:
        image_variance: Variance over images of the replicate-averaged estimate.
        run_scores: Per arm the AUCs of its replicates, (R,), or what else is independent
            (`training_groups.independent_runs`).
        image_freedom: Degrees of freedom of the image variance.
        generators: Whether some of `run_scores` are means over a generator's trainings.

    Returns:
        The standard error. Without any variance it is 0 and its degrees of freedom NaN; both are
        NaN if the image variance is.
    """
    run_variance, spread = 0.0, 0.0
    parts = [(image_variance, image_freedom)]
    if min(len(scores) for scores in run_scores) > 1:
        for scores in run_scores:
            own = float(scores.var(ddof=1)) / len(scores)
            run_variance += own
            spread += own**2 / (len(scores) - 1)
            parts.append((own, len(scores) - 1.0))
    variance = image_variance + run_variance
    if variance < ZERO_VARIANCE:
        return StandardError(0.0, math.nan)
    spread += image_variance**2 / image_freedom if image_freedom > 0 else math.nan
    return StandardError(
        math.sqrt(variance),
        variance**2 / spread if spread else math.nan,
        tuple(parts) if generators else (),
    )
