"""What a gain is worth in real images, read off a curve of scores over shares of the real set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.standard_error import check_confidence
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
Reason = Literal["", "few", "flat", "outside", "wide"]

EXPONENTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5])
"""Shapes of the curve, c of n^-c; 0 is the logarithm, which never saturates."""
DRAWS = 2_000
REACH = 2.0
"""How far beyond the real set the curve is followed: to twice its size."""
FEWEST_SIZES, FEWEST_CELLS = 4, 3


@dataclass(frozen=True)
class Equivalent:
    """How many more real images would have brought a gain.

    Attributes:
        extra: Images beyond the largest size, below 0 for fewer; NaN if it cannot be said.
        low: Lower end of its confidence interval; -inf below the smallest size; NaN with `extra`.
        high: Upper end; inf beyond `REACH` times the largest size; NaN with `extra`.
        reason: Why it cannot be said: "few" sizes or trainings, or scores that are no numbers;
            "flat": scores do not clearly rise with real images; "outside": the gain is more (or
            less) than the curve reaches; "wide": the interval spans all that it reaches. Else "".
    """

    extra: float
    low: float
    high: float
    reason: Reason = ""


def real_equivalent(
    sizes: ArrayLike,
    scores: ArrayLike,
    gain: float,
    se: float,
    degrees_of_freedom: float,
    seed: Seed,
    confidence: float = 0.95,
) -> Equivalent:
    """Find m with f(N + m) - f(N) = gain, where f is a learning curve and N the largest size.

    The curve is the inverse power law of Figueroa et al. 2012 (BMC Med. Inform. Decis. Mak. 12:8),
    a - b n^-c. Its three numbers cannot be told apart on a few noisy sizes, so c is one of
    `EXPONENTS` and a and b follow by least squares on the mean scores. With the Box-Cox form

        φ_c(n) = (1 - (n/N)^-c) / c,   φ_0(n) = log(n/N),   f(n) = α + β φ_c(n)

    β is the slope at N, the same for every c, and m has a closed form. Every one of `DRAWS` draws
    takes the cells with replacement (deviations from the mean times sqrt(J / (J - 1)), as few cells
    vary too little), an exponent by its likelihood exp(-RSS / 2σ²) there, and a gain from its own t
    distribution. `extra` is the median of m, the interval holds its percentiles: spread of
    trainings and of subsets, doubt about the shape, and doubt about the gain.

    Args:
        sizes: (S,), real images, rising; the last is the whole set.
        scores: (S, J), greater is better; column j is one cell (fold and replicate), whose subsets
            are drawn anew.
        gain: What the added images brought, on the scale of the scores.
        se: Its standard error.
        degrees_of_freedom: Of its t distribution; NaN for a gain without error.
        seed: Where the draws come from.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: Shapes that do not match, sizes that do not rise, or a confidence out of range.
    """
    check_confidence(confidence)
    n, y = _checked(sizes, scores)
    known = np.isfinite(y).all() and math.isfinite(gain) and math.isfinite(se)
    if not known or len(n) < FEWEST_SIZES or y.shape[1] < FEWEST_CELLS:
        return _unknown("few")
    generator = seed.generator()
    slopes, exponents = _drawn_slopes(n, y, generator)
    tail = (1 - confidence) / 2
    if np.mean(slopes > 0) < 1 - tail:
        return _unknown("flat")
    freedom = degrees_of_freedom if math.isfinite(degrees_of_freedom) else math.inf
    gains = gain + se * _student_t(freedom, generator)
    extra = n[-1] * (_growth(gains, slopes, exponents) - 1)
    # Order statistics, not interpolated: between two draws one may be infinite.
    ends = np.quantile(extra, [tail, 0.5, 1 - tail], method="inverted_cdf")
    low, middle, high = map(float, ends)
    return _within(low, middle, high, lowest=n[0] - n[-1], highest=(REACH - 1) * n[-1])


def _within(low: float, extra: float, high: float, lowest: float, highest: float) -> Equivalent:
    if not lowest <= extra <= highest:
        return _unknown("outside")
    if low < lowest and high > highest:
        return _unknown("wide")
    return Equivalent(
        extra,
        low if low >= lowest else -math.inf,
        high if high <= highest else math.inf,
    )


def _unknown(reason: Reason) -> Equivalent:
    return Equivalent(math.nan, math.nan, math.nan, reason)


def _drawn_slopes(n: Floats, y: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the slope at N and the exponent of every draw, (DRAWS,) each."""
    cells = y.shape[1]
    counts = generator.multinomial(cells, np.full(cells, 1 / cells), size=DRAWS)
    deviations = (counts / cells - 1 / cells) @ y.T * math.sqrt(cells / (cells - 1))
    curves = y.mean(axis=1) + deviations  # (DRAWS, S)
    shapes = _shapes(n)
    slopes = curves @ shapes.T / (shapes**2).sum(axis=1)  # (DRAWS, exponents)
    total = curves.var(axis=1, keepdims=True) * len(n)
    residual = np.maximum(total - slopes**2 * (shapes**2).sum(axis=1), 0)
    fit = -residual / (2 * _noise(y))
    likelihood = np.cumsum(np.exp(fit - fit.max(axis=1, keepdims=True)), axis=1)
    dice = generator.uniform(size=(DRAWS, 1)) * likelihood[:, -1:]
    chosen = (dice >= likelihood).sum(axis=1)
    return slopes[np.arange(DRAWS), chosen], EXPONENTS[chosen]


def _shapes(n: Floats) -> Floats:
    """Return φ_c(n) of every exponent less its mean over the sizes, (exponents, S)."""
    ratio = n / n[-1]
    shapes = np.stack([np.log(ratio) if c == 0 else (1 - ratio**-c) / c for c in EXPONENTS])
    return np.asarray(shapes - shapes.mean(axis=1, keepdims=True))


def _noise(y: Floats) -> float:
    """Return the variance of a size's mean score, what is common to a cell's scores left out."""
    rest = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    n_sizes, cells = y.shape
    variance = float((rest**2).sum() / ((n_sizes - 1) * (cells - 1) * cells))
    return max(variance, 1e-12)


def _growth(gains: Floats, slopes: Floats, exponents: Floats) -> Floats:
    """Return n / N where the curve has risen by the gain; inf where it never does."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        steps = gains / slopes
        power = np.maximum(1 - exponents * steps, 0) ** (-1 / exponents)
        growth = np.where(exponents == 0, np.exp(steps), power)
    never = np.where(gains > 0, np.inf, 0.0)
    return np.where(slopes > 0, growth, never)


def _student_t(degrees_of_freedom: float, generator: np.random.Generator) -> Floats:
    normal = generator.standard_normal(DRAWS)
    if math.isinf(degrees_of_freedom):
        return normal
    return np.asarray(
        normal / np.sqrt(generator.chisquare(degrees_of_freedom, DRAWS) / degrees_of_freedom)
    )


def _checked(sizes: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    n, y = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if n.ndim != 1 or y.ndim != 2 or len(n) != len(y):
        raise ValueError(
            f"sizes must be (S,) and scores (S, J) but have shapes {n.shape} and {y.shape}; "
            "give one row of scores per size."
        )
    if (np.diff(n, prepend=0) <= 0).any():
        raise ValueError(f"sizes must rise from above 0 but are {n.tolist()}; sort them.")
    return n, y
