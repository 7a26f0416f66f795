"""Differentiable augmentation of everything the discriminator sees (Zhao et al. 2020).

Real and synthetic images go through the same random changes, and gradients pass through them to
the generator, so a small training set cannot be learned by heart and the changes do not leak into
the generated images. For that, no image may be as likely after a change as without it (Karras et
al. 2020, section 2.2): hence flips are rarer than one in two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

_LARGEST_SHIFT = 1 / 8

_FLIPPED = 1 / 4
"""Share of images that are mirrored. With one half a generator of mirrored images could not be told
from one of true ones: of chest radiographs it put the heart on the wrong side."""


def augmented(images: Tensor, names: Sequence[str], rng: torch.Generator) -> Tensor:
    """Return `images` after the named changes, in order, drawn anew for every image.

    Args:
        images: float32, (N, C, H, W), -1 to 1; the result may lie outside.
        names: Keys of `AUGMENTATIONS`.
        rng: On the device of `images`.
    """
    for name in names:
        images = AUGMENTATIONS[name](images, rng)
    return images


def brightness(images: Tensor, rng: torch.Generator) -> Tensor:
    """Add U(-0.5, 0.5), a quarter of the range at most, to each image."""
    return images + _uniform(images, rng) - 0.5


def contrast(images: Tensor, rng: torch.Generator) -> Tensor:
    """Stretch each image about its own mean by a factor of U(0.5, 1.5)."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * (_uniform(images, rng) + 0.5) + mean


def translation(images: Tensor, rng: torch.Generator) -> Tensor:
    """Shift each image by up to an eighth of its side both ways; what comes in is mid-grey, 0."""
    rows = _shift(images.shape[2], images, rng)
    columns = _shift(images.shape[3], images, rng)
    return rows @ images @ columns.transpose(2, 3)


def flip(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror a quarter of the images left to right."""
    return torch.where(_uniform(images, rng) < _FLIPPED, images.flip(3), images)


def _uniform(images: Tensor, rng: torch.Generator) -> Tensor:
    return torch.rand((len(images), 1, 1, 1), generator=rng, device=images.device)


def _shift(side: int, images: Tensor, rng: torch.Generator) -> Tensor:
    """Return matrices, (N, 1, side, side), that move rows down by a whole number of pixels.

    A product with a one-hot matrix moves values exactly, and its gradient is a product again:
    faster than indexing on every device, and the same bits on each run.
    """
    largest = round(side * _LARGEST_SHIFT)
    size = (len(images), 1, 1, 1)
    moves = torch.randint(-largest, largest + 1, size, generator=rng, device=images.device)
    place = torch.arange(side, device=images.device)
    return (place[:, None] - place == moves).to(images.dtype)


AUGMENTATIONS: Mapping[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "brightness": brightness,
    "contrast": contrast,
    "translation": translation,
    "flip": flip,
}
"""By the name that a study file uses."""
