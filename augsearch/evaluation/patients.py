"""Images of one patient are alike: where patients have several, they are what is independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Patients = NDArray[np.int64] | None
"""Number of each image's patient, 0 to P - 1, int64, (N,); None: every image is of another."""


def numbered(patients: ArrayLike | None, n_images: int) -> Patients:
    """Return the patients of N images numbered from 0; None if none has several images.

    Raises:
        ValueError: Not one patient per image, or one that is not known (None, NaN).

    Example:
        >>> numbered([7, 3, 7], 3).tolist()
        [1, 0, 1]
    """
    if patients is None:
        return None
    given = np.asarray(patients)
    if given.shape != (n_images,):
        raise ValueError(
            f"patients must hold one number per image, {n_images}, but have shape {given.shape}; "
            "give the patient of each."
        )
    try:
        # NaN differs from itself, but all NaN would be one patient.
        known = not np.any(given != given)
        names, numbers = np.unique(given, return_inverse=True)
    except TypeError:  # None and pandas' NA have no place in an order
        known = False
    if not known:
        raise ValueError(
            "patients must be all numbers or all texts but some are missing, or of another kind; "
            "give an image of an unknown patient a number of its own."
        )
    return None if len(names) == n_images else numbers.astype(np.int64)


def count_of(patients: Patients, chosen: NDArray[np.bool_]) -> int:
    """Return how many patients the images of a mask, (N,), belong to."""
    return int(chosen.sum()) if patients is None else len(np.unique(patients[chosen]))


def fewest_of(labels: NDArray[np.int64], patients: Patients, n_classes: int) -> int:
    """Return the patients of the class that has the fewest."""
    return min(count_of(patients, labels == c) for c in range(n_classes))


def sums_of(values: Floats, patients: Patients) -> Floats:
    """Return the sums over each patient's images, (..., P), of values, (..., N)."""
    if patients is None:
        return values
    order = np.argsort(patients, kind="stable")
    starts = np.searchsorted(patients[order], np.arange(patients.max() + 1))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))
