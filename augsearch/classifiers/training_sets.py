"""What classifiers ask of a training set: that it can be trained on, its labels, its images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import DataError
from augsearch.records import Portion, TrainingSet

_ROWS = 1024
"""Images that are copied at a time."""


def labels_of(cell: TrainingSet) -> NDArray[np.int64]:
    """Return the class of each image of the training set, int64, (M,), in its order."""
    return np.concatenate([portion.labels for portion in cell.portions])


def check_training_set(cell: TrainingSet) -> None:
    """Make sure that rows and classes exist and that every class has an image.

    Raises:
        DataError: They do not, or a class has none.
    """
    labels = labels_of(cell) if cell.portions else np.empty(0, dtype=np.int64)
    if len(labels) and (labels.min() < 0 or labels.max() >= cell.n_classes):
        raise DataError(
            f"labels must lie from 0 to {cell.n_classes - 1} but are {labels.min()} to "
            f"{labels.max()}."
        )
    missing = [str(c) for c, n in enumerate(np.bincount(labels, minlength=cell.n_classes)) if not n]
    if missing:
        raise DataError(
            f"a training set must hold images of each of its {cell.n_classes} classes but has none "
            f"of class {', '.join(missing)} among its {len(labels)} images; check the split."
        )
    for portion in cell.portions:
        rows = portion.rows
        if len(rows) and (rows.min() < 0 or rows.max() >= len(portion.block)):
            raise DataError(
                f"rows must lie from 0 to {len(portion.block) - 1} but are {rows.min()} to "
                f"{rows.max()}."
            )


def pixels_of(portions: Sequence[Portion]) -> NDArray[np.uint8]:
    """Copy the images of some portions into one array, uint8, (N, H, W, C), in their order.

    Raises:
        DataError: They are not uint8 with 1 or 3 channels, or not all of one shape.
    """
    shapes = {portion.block.pixels.shape[1:] for portion in portions}
    kinds = {str(portion.block.pixels.dtype) for portion in portions}
    shape = min(shapes)
    if kinds != {"uint8"} or len(shapes) > 1 or len(shape) != 3 or shape[2] not in (1, 3):
        raise DataError(
            "images must be uint8 of one shape, (height, width, 1 or 3), but are "
            f"{' and '.join(sorted(kinds))} of {' and '.join(map(str, sorted(shapes)))}."
        )
    pixels = np.empty((sum(len(portion.rows) for portion in portions), *shape), dtype=np.uint8)
    start = 0
    for portion in portions:
        for rows in np.split(portion.rows, range(_ROWS, len(portion.rows), _ROWS)):
            pixels[start : start + len(rows)] = portion.block.pixels[rows]
            start += len(rows)
    return pixels
