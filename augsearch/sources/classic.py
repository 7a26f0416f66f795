"""Classic augmentation: flips, rotations, shifts, zooms and intensity changes of real images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.numbering import BLOCK, by_blocks
from augsearch.sources.pools.order import BalancedOrder
from augsearch.study.schema.sources import ClassicOptions

if TYPE_CHECKING:
    import torch

DRAWS = 9
"""Random numbers per image: two flips, angle, shift down, shift right, zoom, brightness, contrast,
saturation.
Always all of them, so that switching one change on leaves the others as they were."""

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as torchvision weighs


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
    rounding. Whatever leaves 0 to 255 is cut before the next change, as torchvision does.

    Args:
        pixels: uint8, (N, H, W, C).
        draws: (N, DRAWS), each in [-1, 1): the fraction of the largest change; flips if below 0.
        options: The largest changes.

    Returns:
        uint8, (N, H, W, C).
    """
    changed = np.empty_like(pixels)
    for start in range(0, len(pixels), BLOCK):
        part = slice(start, start + BLOCK)
        changed[part] = _changed(pixels[part], draws[part], options)
    return changed


def _changed(
    pixels: NDArray[np.uint8], draws: NDArray[np.float64], options: ClassicOptions
) -> NDArray[np.uint8]:
    # Whole batches, but nothing is added up across or within images in an order that could depend
    # on how many there are: an image has the same bits in every batch and with any thread count.
    import torch

    flipped = _flipped(pixels, draws, options)
    values = torch.from_numpy(flipped).permute(0, 3, 1, 2).float()
    geometry = _geometry(draws, pixels.shape[1:3], options)
    if geometry is not None:
        values = _resampled(values, *geometry)
    values = _relit(values, draws, options).round_().clamp_(0, 255)
    values = values.contiguous(memory_format=torch.channels_last)
    return values.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def _flipped(
    pixels: NDArray[np.uint8], draws: NDArray[np.float64], options: ClassicOptions
) -> NDArray[np.uint8]:
    flipped = pixels.copy()
    # A pixel as one item: NumPy turns single bytes round one by one.
    whole = flipped.view(f"V{flipped.shape[3]}")[..., 0]
    if options.horizontal_flip:
        whole[draws[:, 0] < 0] = whole[draws[:, 0] < 0, :, ::-1]
    if options.vertical_flip:
        whole[draws[:, 1] < 0] = whole[draws[:, 1] < 0, ::-1]
    return flipped


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
    values: torch.Tensor, matrices: NDArray[np.float64], offsets: NDArray[np.float64]
) -> torch.Tensor:
    import torch

    n, _, height, width = values.shape
    maps = torch.from_numpy(np.concatenate([matrices, offsets[..., None]], axis=2))
    down, right = torch.arange(height)[:, None], torch.arange(width)
    grid = torch.empty(n, height, width, 2)
    for axis, side in enumerate((height, width)):
        to_down, to_right, offset = maps[:, axis].T[..., None, None]
        # torch counts from -1 to 1, edge to edge, and across before down.
        place = (to_down * down + to_right * right).add_(offset)
        grid[..., 1 - axis] = place.mul_(2).add_(1).div_(side).sub_(1)
    return torch.nn.functional.grid_sample(
        values, grid, padding_mode="reflection", align_corners=False
    )


def _relit(
    values: torch.Tensor, draws: NDArray[np.float64], options: ClassicOptions
) -> torch.Tensor:
    if options.brightness:
        values = (values * _factors(options.brightness, draws[:, 6])).clamp_(0, 255)
    if options.contrast:
        mean = _means(_grey(values))
        values = (mean + (values - mean) * _factors(options.contrast, draws[:, 7])).clamp_(0, 255)
    if options.saturation and values.shape[1] == 3:
        grey = _grey(values)
        values = grey + (values - grey) * _factors(options.saturation, draws[:, 8])
    return values


def _factors(jitter: float | tuple[float, float], draws: NDArray[np.float64]) -> torch.Tensor:
    """Return one factor per image, (N, 1, 1, 1)."""
    low, high = jitter if isinstance(jitter, tuple) else (1 - jitter, 1 + jitter)
    return _per_image((low + high) / 2 + (high - low) / 2 * draws)


def _grey(values: torch.Tensor) -> torch.Tensor:
    """Return luma, (N, 1, H, W)."""
    if values.shape[1] != 3:
        return values
    red, green, blue = (weight * values[:, i, None] for i, weight in enumerate(_GREY))
    return red + green + blue


def _means(values: torch.Tensor) -> torch.Tensor:
    """Return the mean of each image, (N, 1, 1, 1)."""
    images = values.contiguous().numpy()
    return _per_image(np.array([image.mean(dtype=np.float64) for image in images]))


def _per_image(numbers: NDArray[np.float64]) -> torch.Tensor:
    import torch

    return torch.from_numpy(numbers.astype(np.float32))[:, None, None, None]
