"""The plain data that rooms hand to each other: images, training sets, evaluations."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import DataError
from augsearch.seeds import Seed

_ROWS = 1024
"""Images that are read at a time."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with a class and a group each.

    Attributes:
        pixels: uint8, (N, H, W, C), C is 1 or 3; may be a read-only memory map.
        labels: int64, (N,), index into `classes`.
        groups: int64, (N,); equal numbers are the same patient.
        names: What the user calls each image (path or number), N of them.
        classes: Class names; with two classes the second is the positive one.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> LabelledImages:
        """Return the images of `rows`, in that order (pixels are copied)."""
        chosen = np.asarray(rows, dtype=np.int64)
        return LabelledImages(
            pixels=self.pixels[chosen],
            labels=self.labels[chosen],
            groups=self.groups[chosen],
            names=tuple(self.names[row] for row in chosen),
            classes=self.classes,
        )

    def class_counts(self) -> tuple[int, ...]:
        """Return the number of images of each class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())


def content_key(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 (hex) of shape and bytes of `pixels`, read in slices of bounded memory."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    for start in range(0, len(pixels), _ROWS):
        digest.update(np.ascontiguousarray(pixels[start : start + _ROWS]).data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class ImageBlock:
    """A run of images with the hash of their content, the unit that features are cached by.

    Attributes:
        pixels: uint8, (N, H, W, C); may be a read-only memory map.
        key: `content_key(pixels)`.
    """

    pixels: NDArray[np.uint8]
    key: str

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> ImageBlock:
        """Hash `pixels` and wrap them."""
        return cls(pixels, content_key(pixels))

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, eq=False)
class Portion:
    """Some rows of a block with their labels, to train or to be scored on.

    Attributes:
        rows: int64, (M,), which images of the block.
        labels: int64, (M,), their classes.
        patients: int64, (M,), equal numbers are the same patient; None: every image is of another.
    """

    block: ImageBlock
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    patients: NDArray[np.int64] | None = None

    @classmethod
    def whole(cls, images: LabelledImages) -> Portion:
        """Hash the images' pixels and take all of them."""
        rows = np.arange(len(images), dtype=np.int64)
        return cls(ImageBlock.of(images.pixels), rows, images.labels, images.groups)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The images in memory, uint8, (M, H, W, C)."""
        return np.asarray(self.block.pixels[self.rows])

    def take(self, places: slice | NDArray[np.int64]) -> Portion:
        """Return some of the images, by their places among the rows; nothing is read."""
        patients = None if self.patients is None else self.patients[places]
        return Portion(self.block, self.rows[places], self.labels[places], patients)


def pixels_of(portions: Sequence[Portion], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the images of portions in memory, uint8, N of `shape`, be there any or not.

    Raises:
        DataError: Some are of another shape.
    """
    pixels = np.empty((sum(len(portion.rows) for portion in portions), *shape), dtype=np.uint8)
    start = 0
    for portion in portions:
        images = portion.block.pixels
        if images.shape[1:] != shape:
            raise DataError(
                f"images must be of one shape but are of {shape} and {images.shape[1:]}; bring "
                "them to one size and number of channels."
            )
        for rows in np.split(portion.rows, range(_ROWS, len(portion.rows), _ROWS)):
            pixels[start : start + len(rows)] = images[rows]
            start += len(rows)
    return pixels


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one cell trains on, and the seed of all its randomness.

    Attributes:
        tune: The fold's tuning images, for classifiers that stop early on them; None: there are
            none to look at.
    """

    portions: tuple[Portion, ...]
    n_classes: int
    seed: Seed
    tune: Portion | None = None

    def __len__(self) -> int:
        return sum(len(portion.labels) for portion in self.portions)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, int64, (M,), in order."""
        return np.concatenate([np.empty(0, np.int64), *(part.labels for part in self.portions)])

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The images in memory, uint8, (M, H, W, C), in order.

        Raises:
            DataError: They are not all of one shape.
        """
        return pixels_of(self.portions, self.portions[0].block.pixels.shape[1:])

    def images(self, classes: tuple[str, ...]) -> LabelledImages:
        """Return its images in memory, in order, each its own group; `classes` are their names."""
        numbers = range(len(self))
        return LabelledImages(
            pixels=self.pixels,
            labels=self.labels,
            groups=np.array(numbers, dtype=np.int64),
            names=tuple(f"training image {number}" for number in numbers),
            classes=classes,
        )

    def check(self) -> None:
        """Make sure that rows and classes exist and that every class has an image.

        Raises:
            DataError: They do not, or a class has none.
        """
        labels = self.labels
        if len(labels) and (labels.min() < 0 or labels.max() >= self.n_classes):
            raise DataError(
                f"labels must lie from 0 to {self.n_classes - 1} but are {labels.min()} to "
                f"{labels.max()}."
            )
        counts = np.bincount(labels, minlength=self.n_classes)
        if not counts.all():
            missing = ", ".join(map(str, np.flatnonzero(counts == 0)))
            raise DataError(
                f"a training set must hold images of each of its {self.n_classes} classes but has "
                f"none of class {missing} among its {len(labels)} images; check the split."
            )
        for part in self.portions:
            if len(part.rows) and (part.rows.min() < 0 or part.rows.max() >= len(part.block)):
                raise DataError(
                    f"rows must lie from 0 to {len(part.block) - 1} but are {part.rows.min()} to "
                    f"{part.rows.max()}."
                )


@dataclass(frozen=True)
class Evaluation:
    """One trial: an amount and what it scored.

    Attributes:
        multiple: Size of the training set over the base size; in a study's arm whose amounts count
            something else, that amount.
        score: Mean of `scores`; NaN if any of them is, or if they have no mean.
        scores: One score per cell (fold and replicate).
    """

    multiple: float
    score: float
    scores: tuple[float, ...]

    @classmethod
    def of(cls, multiple: float, scores: Sequence[float]) -> Evaluation:
        """Average the cells' scores.

        Example:
            >>> Evaluation.of(2, [0.75, 0.25]).score
            0.5
        """
        try:
            mean = math.fsum(scores) / len(scores)
        except (ValueError, OverflowError):  # inf - inf, or beyond the largest float
            mean = math.nan
        return cls(float(multiple), mean, tuple(map(float, scores)))
