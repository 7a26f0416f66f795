"""Classic augmentation: flips, rotations, shifts, zooms and intensity changes of real images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.numbering import BLOCK, by_blocks
from augsearch.sources.order import BalancedOrder
from augsearch.study.schema.sources import ClassicOptions

DRAWS = 9
"""Random numbers per image: two flips, angle, shift down, shift right, zoom, brightness, contrast,
saturation.
Always all of them, so that switching one change on leaves the others as they were."""

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as torchvision weighs


@final
class Classic(Source):
    """Makes image i of a class by a random change of one of its training images.

    Every training image of the class is taken equally often. Where a change looks beyond the edge
    of an image it sees the image mirrored there, so that no black wedges appear.
    """

    def __init__(self, options: ClassicOptions) -> None:
        self._options = options

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Return the endless pool; nothing is learnt."""
        return _ClassicPool(train, context.seed, self._options)


class _ClassicPool(Pool):
    def __init__(self, train: LabelledImages, seed: Seed, options: ClassicOptions) -> None:
        self._pixels = train.pixels
        self._order = BalancedOrder(train, seed.child("order"))
        self._seed = seed.child("pool")
        self._options = options

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        originals = self._pixels[self._order.rows(label, start, stop)]
        return augment(
            originals, by_blocks(partial(self._draws, label), start, stop), self._options
        )

    def _draws(self, label: int, block: int) -> NDArray[np.float64]:
        seed = self._seed.child(label, block)
        first = seed.generator().uniform(-1, 1, (BLOCK, DRAWS - 1))
        # From a stream of its own: it came later, and the others stay what they were.
        last = seed.child("saturation").generator().uniform(-1, 1, (BLOCK, 1))
        return np.concatenate([first, last], axis=1)


def augment(
    pixels: NDArray[np.uint8], draws: NDArray[np.float64], options: ClassicOptions
) -> NDArray[np.uint8]:
    """Change each image as its draws say.

    In this order: flips; rotation, shift and zoom about the centre in one bilinear resampling;
    brightness (all values times a factor); contrast (distance from the mean grey value times a
    factor); saturation (distance from a pixel's own grey value times a factor; colour images);
    rounding.

    Args:
        pixels: uint8, (N, H, W, C).
        draws: (N, DRAWS), each in [-1, 1): the fraction of the largest change; flips if below 0.
        options: The largest changes.

    Returns:
        uint8, (N, H, W, C).
    """
    changed = np.empty_like(pixels)
    geometry = _geometry(draws, pixels.shape[1:3], options)
    for number, (image, draw) in enumerate(zip(pixels, draws, strict=True)):
        values = _flipped(image, draw, options).astype(np.float32)
        if geometry is not None:
            values = _resampled(values, *(part[number] for part in geometry))
        values = _relit(values, draw, options)
        changed[number] = np.clip(np.rint(values), 0, 255)
    return changed


def _flipped(
    image: NDArray[np.uint8], draw: NDArray[np.float64], options: ClassicOptions
) -> NDArray[np.uint8]:
    if options.horizontal_flip and draw[0] < 0:
        image = image[:, ::-1]
    if options.vertical_flip and draw[1] < 0:
        image = image[::-1]
    return image


def _geometry(
    draws: NDArray[np.float64], sides: tuple[int, ...], options: ClassicOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the maps from output to input pixels: matrices (N, 2, 2) and offsets (N, 2).

    An output pixel o shows the input at A (o - c - t) + c, with c the centre, t the shift and
    A = (rotation by -angle) / zoom; angles count counter-clockwise. None if nothing moves.
    """
    if not (options.degrees or options.translate or options.scale):
        return None
    angle = np.deg2rad(options.degrees * draws[:, 2])
    cosine, sine = np.cos(angle), np.sin(angle)
    zoom = 1 + options.scale * draws[:, 5]
    matrices = np.stack([cosine, sine, -sine, cosine], axis=1).reshape(-1, 2, 2)
    matrices /= zoom[:, None, None]
    centre = (np.array(sides) - 1) / 2
    shifts = options.translate * draws[:, 3:5] * np.array(sides)
    return matrices, centre - np.einsum("nij,nj->ni", matrices, centre + shifts)


def _resampled(
    values: NDArray[np.float32], matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float32]:
    channels: Iterator[NDArray[np.float32]] = (
        ndimage.affine_transform(channel, matrix, offset, order=1, mode="reflect")
        for channel in np.moveaxis(values, -1, 0)
    )
    return np.stack(list(channels), axis=-1)


def _relit(
    values: NDArray[np.float32], draw: NDArray[np.float64], options: ClassicOptions
) -> NDArray[np.float32]:
    if options.brightness:
        values = np.clip(values * _factor(options.brightness, draw[6]), 0, 255)
    if options.contrast:
        mean = _grey(values).mean(dtype=np.float32)
        values = mean + (values - mean) * _factor(options.contrast, draw[7])
    if options.saturation and values.shape[-1] == 3:
        grey = _grey(np.clip(values, 0, 255))
        values = grey + (values - grey) * _factor(options.saturation, draw[8])
    return values


def _factor(jitter: float | tuple[float, float], draw: float) -> np.float32:
    low, high = jitter if isinstance(jitter, tuple) else (1 - jitter, 1 + jitter)
    return np.float32((low + high) / 2 + (high - low) / 2 * draw)


def _grey(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return luma, (H, W, 1)."""
    return (values @ _GREY)[..., None] if values.shape[-1] == 3 else values
