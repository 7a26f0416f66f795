"""Labelled images as a notebook has them: arrays of any kind, checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.errors import DataError
from augsearch.messages import names
from augsearch.records import LabelledImages

Labelled = LabelledImages | tuple[ArrayLike, ArrayLike]


def labelled_images(given: Labelled, classes: tuple[str, ...] | None = None) -> LabelledImages:
    """Return ``(images, labels)`` as `LabelledImages`, each image its own group.

    Args:
        given: Images with their labels.
        classes: Those that labels are of, without need of an image of each; None: two or more, with
            an image of each.

    Raises:
        DataError: Wrong shapes, types or labels.
    """
    if isinstance(given, LabelledImages):
        found = labelled_images((given.pixels, given.labels), classes)
        if classes is None and len(found.classes) != len(given.classes):
            raise DataError(
                f"there must be an image of each of the {len(given.classes)} classes "
                f"({names(given.classes)}), and of no other, but labels go up to "
                f"{len(found.classes) - 1}."
            )
        _check_classes("the source's", given.classes, classes or given.classes)
        return replace(given, pixels=found.pixels, labels=found.labels)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise DataError(
            "images must be given as (images, labels) or LabelledImages but got "
            f"{type(given).__name__}; write AugmentationScore((images, labels), (tune_images, "
            "tune_labels))."
        )
    pixels = _pixels(given[0])
    labels = _labels(given[1], len(pixels), classes)
    return LabelledImages(
        pixels=pixels,
        labels=labels,
        groups=np.arange(len(pixels), dtype=np.int64),
        names=tuple(map(str, range(len(pixels)))),
        classes=classes or tuple(map(str, range(labels.max() + 1))),
    )


def _pixels(given: ArrayLike) -> NDArray[np.uint8]:
    """Return images as uint8, (N, H, W, C), which they must be but for a channel of grey ones."""
    pixels = _array("images", given)
    if pixels.dtype != np.uint8:
        raise DataError(
            f"images must be uint8 but are {pixels.dtype}; scale them to 0..255, if they are not, "
            "and convert them with .astype(numpy.uint8)."
        )
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
        raise DataError(
            f"images must be (N, H, W) or (N, H, W, C) with 1 or 3 channels but are "
            f"{pixels.shape}; numpy.moveaxis(images, 1, -1) puts the channels of torch last."
        )
    return pixels


def _labels(given: ArrayLike, count: int, classes: tuple[str, ...] | None) -> NDArray[np.int64]:
    """Return the labels of `count` images as int64, (N,)."""
    labels = _array("labels", given)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"labels must be {count} integers, one per image, but are "
            f"{labels.dtype} of shape {labels.shape}; "
            "numpy.unique(numpy.ravel(labels), return_inverse=True)[1] numbers any labels."
        )
    n_classes = int(labels.max(initial=0)) + 1
    has_gaps = n_classes < 2 or len(set(labels.tolist())) < n_classes
    if labels.min(initial=0) < 0 or (classes is None and has_gaps):
        raise DataError(
            "labels must be 0, 1, ... with an image in every class but are "
            f"{sorted(set(labels.tolist()))}."
        )
    if classes is not None and n_classes > len(classes):
        raise DataError(
            f"the source's labels must be those of the {len(classes)} classes of the training "
            f"images but go up to {n_classes - 1}; leave out what is of another class."
        )
    return labels.astype(np.int64)


def _array(name: str, given: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:  # what torch raises for a GPU's tensors
        raise DataError(
            f"{name} must be one array but cannot be made one ({error}); bring images to one size, "
            "and tensors to the CPU."
        ) from error


def check_pair(train: LabelledImages, tune: LabelledImages) -> None:
    """Refuse tuning images of another size or other classes than the training images.

    Raises:
        DataError: They are.
    """
    if train.pixels.shape[1:] != tune.pixels.shape[1:]:
        raise DataError(
            "training and tuning images must have the same size and channels but are "
            f"{train.pixels.shape[1:]} and {tune.pixels.shape[1:]}; resize one of them."
        )
    if len(train.classes) != len(tune.classes):
        raise DataError(
            "training and tuning images must have the same classes but have "
            f"{len(train.classes)} and {len(tune.classes)}; every class must be in both."
        )
    _check_classes("tuning", tune.classes, train.classes)


def _check_classes(whose: str, classes: tuple[str, ...], train: tuple[str, ...]) -> None:
    """Refuse other names, or the same in another order; who has only numbers takes those there."""
    are_numbers = any(one == tuple(map(str, range(len(one)))) for one in (classes, train))
    if classes != train and not are_numbers:
        raise DataError(
            f"training and {whose} images must have the same classes in the same order but have "
            f"{names(train)} and {names(classes)}; renumber the labels of one of them."
        )
