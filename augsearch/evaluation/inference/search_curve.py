"""The AUCs of all amounts of a search with the covariance of their errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.delong import auc_influence
from augsearch.evaluation.inference.standard_error import ZERO_VARIANCE
from augsearch.seeds import Seed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SearchCurve:
    """AUC against amount, as the tuning images and trainings of a search show it.

    Attributes:
        aucs: Mean over the replicates, (K,); NaN for an amount with a NaN score.
        covariance: Of the errors of `aucs` over images and trainings, (K, K); NaN in the rows and
            columns of such amounts, and everywhere if a class has one image only.
        replicates: R.
        run_variance: What trainings add to the variance of each amount, τ²/R; 0 if not known.
        run_freedom: Its degrees of freedom, R - 1 for every amount whose trainings differ.
    """

    aucs: Floats
    covariance: Floats
    replicates: int
    run_variance: float = 0.0
    run_freedom: int = 0

    @classmethod
    def of(
        cls, labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None
    ) -> SearchCurve:
        """Measure a search.

        The covariance is that of DeLong et al. on replicate-averaged influence, plus τ²/R on the
        diagonal: τ² is the sample variance (R - 1) of the replicates' AUCs, the mean over the
        amounts. With one replicate τ² is unknown and left out.

        Args:
            labels: (N,) class indices of the tuning images; 1 is the positive class of two.
            scores: (K, R, N, C) class probabilities, or (K, R, N) positive-class scores.
            patients: (N,) integers, equal ones are one patient; None: every image is of another.

        Raises:
            ValueError: Shapes or labels that do not match, a class without images, or no amount
                without NaN.
        """
        given = np.asarray(scores, dtype=np.float64)
        if given.ndim not in (3, 4) or 0 in given.shape[:2]:
            raise ValueError(
                f"scores must be (K, R, N) or (K, R, N, C) with at least one amount and one "
                f"training but have shape {given.shape}; stack amounts, then replicates."
            )
        n_amounts, replicates = given.shape[:2]
        aucs, influence = auc_influence(labels, given.reshape(-1, *given.shape[2:]), patients)
        aucs = aucs.reshape(n_amounts, replicates)
        if np.isnan(aucs).any(axis=1).all():
            raise ValueError(
                "the AUC of one amount at least must be a number but none is; it needs tuning "
                "images of every class and scores without NaN."
            )
        mean_influence = influence.reshape(n_amounts, replicates, -1).mean(axis=1)
        covariance = mean_influence @ mean_influence.T
        if replicates == 1:
            return cls(aucs.mean(axis=1), covariance, replicates)
        variances = aucs.var(axis=1, ddof=1)
        run_variance = float(np.nanmean(variances)) / replicates
        covariance += np.diag(np.full(n_amounts, run_variance))
        freedom = int((variances > ZERO_VARIANCE).sum()) * (replicates - 1)
        return cls(aucs.mean(axis=1), covariance, replicates, run_variance, freedom)

    def standard_errors(self) -> Floats:
        """Return the standard errors of all differences of two amounts, (K, K).

        A difference whose variance is rounding alone has 0.
        """
        own = np.diagonal(self.covariance)
        variance = own[:, None] + own - 2 * self.covariance
        # The difference of numbers of size `own` is known to some 1e-15 of them.
        noise = 1e-13 * (own[:, None] + own)
        return np.sqrt(np.where(variance <= noise, 0.0, variance))

    def errors(self, draws: int, seed: Seed) -> tuple[Floats, Floats]:
        """Return draws of the errors of `aucs`, float64, (K, draws), from N(0, covariance).

        Beside them stands what such a draw would add to the estimated variance of a difference, as
        τ² is only known from `run_freedom` degrees of freedom, (draws,): 2 τ²/R (χ²/freedom - 1).

        The root of the covariance is taken from its eigenvalues: with more amounts than images it
        is singular. The symmetric root does not depend on the signs of the eigenvectors.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        generator = seed.generator()
        errors = np.asarray(root @ generator.standard_normal((len(self.aucs), draws)))
        if not self.run_freedom:
            return errors, np.zeros(draws)
        estimated = generator.chisquare(self.run_freedom, draws) / self.run_freedom
        return errors, 2 * self.run_variance * (estimated - 1)

    def among(self, known: NDArray[np.bool_]) -> SearchCurve:
        """Return the curve of some of its amounts, mask (K,)."""
        return replace(
            self, aucs=self.aucs[known], covariance=self.covariance[np.ix_(known, known)]
        )
