"""The plain data that rooms hand to each other: images, training sets, evaluations."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed


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
    for start in range(0, len(pixels), 1024):
        digest.update(np.ascontiguousarray(pixels[start : start + 1024]).data)
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


def pixels_of(portions: Iterable[Portion], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the images of portions in memory, uint8, N of `shape`, be there any or not."""
    return np.concatenate([np.empty((0, *shape), np.uint8), *(one.pixels for one in portions)])


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

    def images(self, classes: tuple[str, ...]) -> LabelledImages:
        """Return its images in memory, in order, each its own group; `classes` are their names."""
        numbers = range(len(self))
        return LabelledImages(
            pixels=np.concatenate([part.pixels for part in self.portions]),
            labels=np.concatenate([part.labels for part in self.portions]),
            groups=np.array(numbers, dtype=np.int64),
            names=tuple(f"training image {number}" for number in numbers),
            classes=classes,
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
