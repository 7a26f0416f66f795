"""A score curve smoothed over log K by Gaussian processes, exactly, in plain NumPy.

The curve is a constant plus a Gaussian process with the covariance a² exp(-(log K - log K')² / 2l²)
of two multiples; a score is the curve plus independent noise of known variance. The constant has a
flat prior and is integrated out (Rasmussen and Williams 2006, section 2.7, one constant as basis);
length scale l and amplitude a are averaged over a grid, weighted by marginal likelihood times
prior, so that nothing is fitted by an optimiser and nothing depends on a starting value.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LENGTH_SCALES = (0.5, 0.8, 1.3)
"""Of log K: at 0.8, the scores of K and 2.2 K still tell a lot about each other."""
AMPLITUDES = (0.01, 0.02, 0.03, 0.05, 0.08)
"""Standard deviations of the curve, in units of the score (AUC, accuracy, kappa ...)."""
_LENGTH_PRIOR = (0.8, 0.5)  # median, and standard deviation of the logarithm
_AMPLITUDE_PRIOR = (0.03, 0.8)
_LEAST_VARIANCE = 1e-8  # keeps the matrices regular; no score is measured as well as this

_GRID = np.array(list(product(LENGTH_SCALES, AMPLITUDES)))


@dataclass(frozen=True, eq=False)
class Smoothed:
    """A smoothed curve.

    Attributes:
        at: float64, (M,), the multiples that were tried.
        mean: float64, (M,), posterior mean of the curve.
        sd: float64, (M,), posterior standard deviation of the curve, without the noise.
    """

    at: Floats
    mean: Floats
    sd: Floats


def smoothed(multiples: ArrayLike, means: ArrayLike, variances: ArrayLike) -> Smoothed:
    """Smooth a score curve.

    Args:
        multiples: (M,), the amounts that were tried, above 0.
        means: (M,), the mean score of each.
        variances: (M,), or one for all: the variance of each mean, s²/R.

    Raises:
        ValueError: A multiple that is not above 0, a negative variance, or shapes that do not fit.

    Example:
        >>> curve = smoothed([1, 2, 4], [0.80, 0.90, 0.82], 0.02**2)
        >>> curve.mean.round(3).tolist()
        [0.813, 0.877, 0.829]
    """
    tried = _multiples(multiples)
    scores = np.asarray(means, dtype=np.float64)
    if scores.shape != tried.shape:
        raise ValueError(
            f"means must have one value for each of the {len(tried)} multiples but have shape "
            f"{scores.shape}."
        )
    noise = np.broadcast_to(np.asarray(variances, dtype=np.float64), scores.shape)
    if (noise < 0).any():
        raise ValueError(f"variances must be at least 0 but the least is {noise.min()}.")
    centre = scores.sum() / len(scores)
    found = _posteriors(tried, scores - centre, np.maximum(noise, _LEAST_VARIANCE))
    mean, sd = _averaged(*found)
    return Smoothed(tried, centre + mean, sd)


def _posteriors(tried: Floats, scores: Floats, noise: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance, (H, M), and log marginal likelihood, (H,).

    H are the pairs of length scale and amplitude.
    """
    curve = _kernel(tried)
    covariance = curve + np.diag(noise)
    columns = np.stack([np.ones(len(tried)), scores], axis=-1)
    columns = np.broadcast_to(columns, (*curve.shape[:-1], 2))
    solved = np.linalg.solve(covariance, np.concatenate([columns, curve], axis=-1))
    of_ones, of_scores, of_curve = solved[..., 0], solved[..., 1], solved[..., 2:]

    precision = of_ones.sum(-1)  # of the constant
    constant = of_scores.sum(-1) / precision
    weights = of_scores - constant[:, None] * of_ones
    mean = constant[:, None] + (curve * weights[..., None]).sum(-2)
    # What the constant's uncertainty adds, where the scores do not determine the curve alone.
    share = 1 - of_curve.sum(-2)
    variance = _GRID[:, 1:] ** 2 - (curve * of_curve).sum(-2) + share**2 / precision[:, None]
    log_determinant = np.linalg.slogdet(covariance).logabsdet
    log_likelihood = -0.5 * (log_determinant + np.log(precision) + (scores * weights).sum(-1))
    return mean, variance, log_likelihood


def _averaged(mean: Floats, variance: Floats, log_likelihood: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation, (M,), of the mixture over H."""
    log_weights = log_likelihood + _log_prior()
    weights = np.exp(log_weights - log_weights.max())
    weights = (weights / weights.sum())[:, None]
    average = (weights * mean).sum(0)
    spread = (weights * (variance + (mean - average) ** 2)).sum(0)
    return average, np.sqrt(np.maximum(spread, 0.0))


def _kernel(multiples: Floats) -> Floats:
    """Return covariances of the curve, (H, M, M)."""
    distances = np.log(multiples)[:, None] - np.log(multiples)
    lengths, amplitudes = _GRID[:, 0, None, None], _GRID[:, 1, None, None]
    covariances: Floats = amplitudes**2 * np.exp(-0.5 * (distances / lengths) ** 2)
    return covariances


def _log_prior() -> Floats:
    """Return the logarithm of the log-normal priors' weights on the grid, (H,), summing to 1."""
    medians, widths = np.array([_LENGTH_PRIOR, _AMPLITUDE_PRIOR]).T
    logs = (-0.5 * (np.log(_GRID / medians) / widths) ** 2).sum(-1)
    prior: Floats = logs - np.log(np.exp(logs).sum())
    return prior


def _multiples(values: ArrayLike) -> Floats:
    multiples = np.asarray(values, dtype=np.float64)
    if multiples.ndim != 1 or not (multiples > 0).all() or not np.isfinite(multiples).all():
        raise ValueError(f"multiples must be a list of numbers above 0 but are {values!r}.")
    return multiples
