"""The variance of AUCs over test images, and the paper's test between two models.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44); the fast form is Sun and Xu 2014 (IEEE
Signal Processing Letters 21). With several images of a patient: Obuchowski 1997 (Biometrics 53).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from augsearch.evaluation.inference.standard_error import ZERO_VARIANCE
from augsearch.evaluation.metrics import check
from augsearch.evaluation.patients import Patients, count_of, numbered, sums_of
from augsearch.evaluation.ranking import placements

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeLongResult:
    """Two models compared on the same images.

    Attributes:
        auc_a: AUC of the first model.
        auc_b: AUC of the second model.
        variance: Variance of auc_a - auc_b over images; NaN if a class has one image only.
        z: (auc_a - auc_b) / sqrt(variance).
        p_value: Two-sided, from the normal distribution. Without variance the test is degenerate:
            equal AUCs give z = 0 and p = 1, different ones NaN for both, never p = 0.
    """

    auc_a: float
    auc_b: float
    variance: float
    z: float
    p_value: float


def delong_test(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> DeLongResult:
    """Compare the AUCs of two models on the same images.

    It speaks of these two trained models, not of the recipes behind them: the luck of a training
    counts as a difference (for recipes see `augsearch.evaluation.inference.verdict`).

    Args:
        labels: (N,), 1 for the positive class.
        scores_a: (N,) positive-class scores, or (N, C) class probabilities.
        scores_b: The same for the second model.

    Raises:
        ValueError: Shapes that do not match, NaN scores, or a class without images.
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(
            f"both models must score the same images but have shapes {a.shape} and {b.shape}; "
            "score them on one test set."
        )
    aucs, influence = auc_influence(labels, np.stack([a, b]))
    if np.isnan(aucs).any():
        raise ValueError(
            "an AUC needs images of every class and scores that are numbers; "
            "check the labels, and the scores for NaN."
        )
    variance = variance_of(influence[0] - influence[1])
    difference = float(aucs[0] - aucs[1])
    z, p_value = _z_and_p(difference, variance)
    return DeLongResult(float(aucs[0]), float(aucs[1]), variance, z, p_value)


def auc_covariance(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Return the AUCs of M models, (M,), and their covariance over images, (M, M).

    Args:
        labels: (N,), 1 for the positive class (class indices if `scores` has three axes).
        scores: (M, N) positive-class scores, or (M, N, C) class probabilities.
    """
    aucs, influence = auc_influence(labels, scores)
    return aucs, influence @ influence.T


def auc_influence(
    labels: ArrayLike, probabilities: ArrayLike, patients: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return AUCs and how much each image, or patient, moves them: `influence_by_image`, summed.

    Returns:
        AUCs (M,) and influence (M, N), float64, by image, or (M, P) of P patients by rising number
        if any has several images.
    """
    aucs, influence = influence_by_image(labels, probabilities, patients)
    return aucs, sums_of(influence, numbered(patients, influence.shape[1]))


def influence_by_image(
    labels: ArrayLike, probabilities: ArrayLike, patients: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return AUCs and how much each image moves them.

    The influence of image i on the AUC A of a model is (V_i - A) / sqrt(m (m - 1)), with V_i its
    placement and m the number of images on its side of the comparison. Its cross products are the
    covariances: influence @ influence.T equals the estimator of DeLong et al. for two classes. For
    more classes A is the mean of the one-against-the-rest AUCs and the influence the mean of
    theirs. Both are linear in the model: averages over replicates may be taken before or after.

    Images of one patient are alike, so where patients have several they are what is independent.
    Their influence is the sum over their images of (V_i - A) sqrt(p / (p - 1)) / m, with p the
    number of patients on that side: the variance of clustered data of Obuchowski 1997, with
    sqrt(p / (p - 1)) of either side in place of her common factor for patients on both sides.

    Args:
        labels: (N,) class indices; 1 is the positive class of two.
        probabilities: (M, N, C) class probabilities or (M, N) positive-class scores of M models.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Returns:
        AUCs (M,) and influence (M, N), float64. Both are NaN for a model with a NaN score and if a
        class has no image; the influence alone is, where a class has images of one patient only.

    Raises:
        ValueError: Shapes or labels that do not match.
    """
    true, given = check(labels, as_classes(probabilities))
    if given.ndim != 3:
        raise ValueError(
            f"probabilities must be (M, N, C) or (M, N) but have shape {given.shape}; "
            "give one row per model."
        )
    n_classes = given.shape[2]
    classes = (1,) if n_classes == 2 else range(n_classes)
    own = numbered(patients, len(true))
    parts = [_one_against_the_rest(true == c, given[..., c], own) for c in classes]
    aucs, influences = zip(*parts, strict=True)
    return np.mean(aucs, axis=0), np.mean(influences, axis=0)


def as_classes(probabilities: ArrayLike) -> Floats:
    """Return (M, N, C) as it is, and positive-class scores (M, N) as two columns, (M, N, 2)."""
    given = np.asarray(probabilities, dtype=np.float64)
    return np.stack([-given, given], axis=-1) if given.ndim == 2 else given


def variance_of(influence: Floats) -> float:
    """Return the variance over images of an AUC, or of a difference, with influence (N,)."""
    variance = float(influence @ influence)
    return 0.0 if variance < ZERO_VARIANCE else variance


def freedom_of(labels: NDArray[np.int64], influence: Floats, patients: Patients) -> float:
    """Return the degrees of freedom of the variance over images, by Satterthwaite 1946.

    (Σ_c v_c)² / Σ_c v_c² / (m_c - 1), with v_c what the m_c images (or patients) of class c add to
    the variance: n - 2 for two classes that add the same, m - 1 where a class of m adds all.

    Args:
        labels: (N,), int64.
        influence: (N,), of an AUC or a difference, by image.
        patients: (N,); None: every image is of another.

    Returns:
        NaN where a class has one image (or patient) only; without variance those of the smallest
        class.
    """
    of_class = [labels == c for c in np.unique(labels)]
    counts = np.array([count_of(patients, one) for one in of_class])
    if counts.min() < 2:
        return math.nan
    own = [variance_of(sums_of(np.where(one, influence, 0), patients)) for one in of_class]
    parts = np.array(own)
    if parts.sum() == 0:
        return float(counts.min() - 1)
    return float(parts.sum() ** 2 / (parts**2 / (counts - 1)).sum())


def _one_against_the_rest(
    positive: NDArray[np.bool_], scores: Floats, patients: Patients
) -> tuple[Floats, Floats]:
    placed = placements(positive, scores)
    n_positive = int(positive.sum())
    if n_positive == 0:
        return placed.mean(axis=1), placed
    aucs = placed[:, positive].mean(axis=1)
    sides = (positive, ~positive)
    mine, others = (_root_weight(int(side.sum()), count_of(patients, side)) for side in sides)
    return aucs, (placed - aucs[:, None]) * np.where(positive, mine, others)


def _root_weight(n_images: int, n_patients: int) -> float:
    if n_patients < 2:
        return math.nan
    return 1 / math.sqrt(n_images * n_images * (n_patients - 1) / n_patients)


def _z_and_p(difference: float, variance: float) -> tuple[float, float]:
    if variance == 0:
        return (0.0, 1.0) if abs(difference) < 1e-12 else (math.nan, math.nan)
    z = difference / math.sqrt(variance)
    return z, 2 * float(ndtr(-abs(z)))
