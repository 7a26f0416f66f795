"""The class-stratified bootstrap variance of a gain in AUC, in closed form, for small classes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.standard_error import ZERO_VARIANCE
from augsearch.evaluation.patients import numbered, sums_of
from augsearch.evaluation.weighted import right_pairs

Floats = NDArray[np.float64]

FEWEST_IMAGES = 10
"""With fewer images in a class, the variance over images is that of the bootstrap."""


def bootstrap_variance(
    labels: NDArray[np.int64],
    base: Floats,
    chosen: Floats,
    patients: ArrayLike | None = None,
) -> tuple[float, float]:
    """Return the bootstrap variance of the mean AUC of `chosen` minus that of `base`.

    The gain is a sum over pairs of images of two classes, w_i w_j G_ij, with w how often an image
    is drawn. A draw takes m - 1 of the m images of each class, with replacement and rescaled, which
    leaves the variance of a mean unbiased (Rao and Wu 1988, JASA 83). The variance of infinitely
    many draws then has a closed form (the way of Bandos, Rockette and Gur 2007, Communications in
    Statistics - Simulation and Computation 36, there for m of m images): with f_c = m_c / (m_c - 1)
    and L the row sums of G over all other classes,

        Σ_c f_c Σ_i (L_i - mean L)² + Σ_c<c' f_c f_c' Σ_ij (G_ij, doubly centred)².

    For two classes the first sum is the variance of DeLong et al.; the second is never negative.
    Its degrees of freedom are those of the first sum by Satterthwaite, class by class with m_c - 1.
    Where patients have several images, patients are drawn: G less its mean, summed over the images
    of each, takes the place of G and the patients of class c that of its images; the L of a patient
    with images of several classes, times the roots of their f, add up before they are squared.

    Simulated with two models of AUC 0.8 and 9 positive images among 209, this claims a gain in
    1.9 % of flat studies (nominal 2.5 %), DeLong's variance with n - 2 degrees in 3.4 %.

    Args:
        labels: (N,) class indices; every class has two images (patients) at least.
        base: (R, N, C) class probabilities of the base arm; with two classes column 1 is read.
        chosen: The same for the chosen arm.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Returns:
        The variance and its degrees of freedom.
    """
    n_classes, known = base.shape[2], numbered(patients, len(labels))
    whose = np.arange(len(labels)) if known is None else known
    members = [np.flatnonzero(labels == c) for c in range(n_classes)]
    owners, places = zip(
        *(np.unique(whose[own], return_inverse=True) for own in members), strict=True
    )
    counts = [len(own) for own in owners]
    grow = np.array([count / (count - 1) for count in counts])
    sums = np.zeros((n_classes, int(whose.max()) + 1))
    interaction = 0.0
    for a, b in combinations(range(n_classes), 2):
        pairs = _pairs(members, a, b, chosen) - _pairs(members, a, b, base)
        pairs = sums_of(sums_of(pairs - pairs.mean(), places[b]).T, places[a]).T
        rows, columns = pairs.sum(axis=1), pairs.sum(axis=0)
        sums[a, owners[a]] += rows
        sums[b, owners[b]] += columns
        centred = pairs - rows[:, None] / counts[b] - columns / counts[a] + pairs.mean()
        interaction += grow[a] * grow[b] * float((centred**2).sum())
    own = grow * (sums**2).sum(axis=1)
    linear = float(((np.sqrt(grow) @ sums) ** 2).sum())
    variance = linear + interaction
    if linear < ZERO_VARIANCE:  # no direction to take the freedom from but the smallest class
        return (0.0 if variance < ZERO_VARIANCE else variance), float(min(counts) - 1)
    return variance, float(own.sum() ** 2 / (own**2 / (np.array(counts) - 1)).sum())


def _pairs(members: list[NDArray[np.intp]], a: int, b: int, probabilities: Floats) -> Floats:
    """Return what each pair of an image of class a and one of class b adds to the mean AUC."""
    n_classes, n_images = len(members), sum(map(len, members))
    pairs = np.zeros((len(members[a]), len(members[b])))
    for one, other in ((a, b), (b, a)):
        if n_classes == 2 and one == 0:
            continue
        weight = len(members[one]) * (n_images - len(members[one]))
        weight *= 1 if n_classes == 2 else n_classes
        scores = probabilities[:, :, one]
        ahead = np.zeros((len(members[one]), len(members[other])))
        for of_training in scores:
            ahead += right_pairs(of_training[members[one]], of_training[members[other]])
        ahead /= weight * len(scores)
        pairs += ahead if one == a else ahead.T
    return pairs
