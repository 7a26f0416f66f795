"""Why a measured score is not the true one: the tuning images are few, and trainings differ.

A simulated score is the true AUC of K plus four independent normal terms:

- what all models have in common on these images (70 % of the variance of an AUC over images): it
  shifts the whole curve and misleads no rule;
- what similar K have in common (15 %): correlated over log K as exp(-(log K - log K')² / 2);
  replicates of a K share it, so no rule can average it away;
- what each training does with these images by itself (15 %), and
- the luck of each training that would also show on any other images (SD 0.015 by default).

The AUCs of two models of similar K are so correlated by up to 0.85, less their luck, as those of
retrained models are in DeLong's paired covariance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.lab.curves import LARGEST, MULTIPLES
from augsearch.search.smoothing import LUCK_VARIANCE
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

LUCK_SD = 0.015
"""SD of the true AUC between trainings of one recipe, where it has not been measured."""

LIKE_SHARE, OWN_SHARE = 0.15, 0.15
"""Shares of the image variance that similar K, and a single training, have for themselves."""

REPLICATES = 12
"""Trainings of each K that a simulation holds ready."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the four parts of a simulated score, in units of AUC.

    Attributes:
        common: What all models have in common on the tuning images.
        like: What similar K have in common on them.
        own: What a training does with them by itself.
        luck: The luck of a training that shows on any images.
    """

    common: float
    like: float
    own: float
    luck: float = LUCK_SD

    @classmethod
    def of_images(cls, variance: float, luck: float = LUCK_SD) -> Noise:
        """Share out the variance of an AUC over the tuning images."""
        return cls(
            common=math.sqrt((1 - LIKE_SHARE - OWN_SHARE) * variance),
            like=math.sqrt(LIKE_SHARE * variance),
            own=math.sqrt(OWN_SHARE * variance),
            luck=luck,
        )

    @classmethod
    def measured(cls, variance: float, replicate_sd: float) -> Noise:
        """Share it out so that replicates of one K differ by `replicate_sd`, as they were seen to.

        Args:
            variance: Of an AUC over the tuning images.
            replicate_sd: SD of the scores of one K's trainings on the same tuning images.
        """
        supposed = cls.of_images(variance)
        own = min(supposed.own, replicate_sd)
        return cls(supposed.common, supposed.like, own, math.sqrt(replicate_sd**2 - own**2))

    def scores(self, truth: Floats, seed: Seed) -> Floats:
        """Return simulated scores, (12, 60): replicates of every K in `MULTIPLES`.

        Args:
            truth: (60,), the true AUCs.
            seed: Of this one simulation.
        """
        rng = seed.generator()
        common = self.common * rng.standard_normal()
        like = self.like * (_ROOT @ rng.standard_normal(LARGEST))
        own = math.hypot(self.own, self.luck) * rng.standard_normal((REPLICATES, LARGEST))
        simulated: Floats = truth + common + like + own
        return simulated

    def seen(self, multiples: Sequence[float]) -> float:
        """Return what a study knows of the variance of a score around its K's worth.

        Half the mean paired DeLong variance of neighbouring amounts + 0.01², as the smoothing of a
        search with one replicate is given it.
        """
        steps = np.diff(np.log(np.unique(multiples)))
        apart = float(1 - _correlation(steps).mean()) if len(steps) else 0.0
        return self.own**2 + self.like**2 * apart + LUCK_VARIANCE


def auc_variance(auc: float, positives: int, negatives: int) -> float:
    """Return the variance of an AUC over images (Hanley and McNeil 1982, Radiology 143, 29-36).

        [A (1 - A) + (p - 1) (Q1 - A²) + (n - 1) (Q2 - A²)] / (p n),

    with Q1 = A / (2 - A) and Q2 = 2 A² / (1 + A).

    Args:
        auc: A, 0 to 1; below 0.5 it counts as 1 - A.
        positives: p, at least 1.
        negatives: n, at least 1.

    Example:
        >>> round(auc_variance(0.8, 20, 19) ** 0.5, 4)
        0.0716
    """
    area = max(auc, 1 - auc)
    first = area / (2 - area) - area**2
    second = 2 * area**2 / (1 + area) - area**2
    total = area * (1 - area) + (positives - 1) * first + (negatives - 1) * second
    return total / (positives * negatives)


def _correlation(distances: Floats) -> Floats:
    """Return the correlation of two K at a distance of log K."""
    found: Floats = np.exp(-0.5 * distances**2)
    return found


def _root() -> Floats:
    """Return a root of the correlation matrix of `MULTIPLES`, (60, 60)."""
    logs = np.log(MULTIPLES)
    values, vectors = np.linalg.eigh(_correlation(logs[:, None] - logs))
    root: Floats = vectors * np.sqrt(np.maximum(values, 0))
    return root


_ROOT = _root()
