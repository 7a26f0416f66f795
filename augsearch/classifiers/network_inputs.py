"""From uint8 images to what a network sees, and a network's outputs image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from augsearch.device import even_threads, threads


@dataclass(frozen=True)
class Transform:
    """What becomes of [0, 1] pixels: channels, then (pixel - mean) / sd."""

    channels: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Turn float32, (N, 1 or 3, H, W), into the network's channels and range."""
        if images.shape[1] > self.channels:
            images = images.mean(dim=1, keepdim=True)
        images = images.expand(-1, self.channels, -1, -1)
        mean, sd = (
            torch.tensor(v, device=images.device).view(-1, 1, 1) for v in (self.mean, self.sd)
        )
        return (images - mean) / sd


@dataclass(frozen=True, eq=False)
class Inputs:
    """How a network sees images.

    Attributes:
        size: Pixels a side that images are resized to (bilinear, anti-aliased).
        transform: Channels and range.
        mean_image: float32, (C, H, W), from 0 to 255, subtracted first; on the images' device.
            None: nothing is.
    """

    size: int
    transform: Transform
    mean_image: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Turn uint8, (N, H, W, C), into float32, (N, channels, size, size), channels last."""
        x = images.permute(0, 3, 1, 2).float()
        if self.mean_image is not None:
            x = x - self.mean_image
        size = (self.size, self.size)
        if x.shape[2:] != size:
            x = functional.interpolate(x, size, mode="bilinear", antialias=True)
        return self.transform(x / 255).contiguous(memory_format=torch.channels_last)

    def to(self, device: str) -> Inputs:
        """Return the same for images on `device`."""
        mean_image = None if self.mean_image is None else self.mean_image.to(device)
        return replace(self, mean_image=mean_image)


def row_by_row(
    images: NDArray[np.uint8], network: Callable[[Tensor], Tensor], *, batch: int, device: str
) -> NDArray[np.float32]:
    """Return the network's outputs, float32, (N, D), of images, uint8, (N, H, W, C).

    Images go through in aligned batches of one fixed size, the last one filled up by repeating its
    last image, so that every image meets the same kernels: row i depends on image i alone, to the
    last bit.

    Args:
        images: May be none, and read-only.
        network: Maps uint8, (batch, H, W, C), on `device` to float32, (batch, D).
        batch: Images at a time, a power of two (see `batch_size`).
        device: The torch device.
    """
    starts = range(0, max(len(images), 1), batch)
    with (
        torch.inference_mode(),
        threads(even_threads()),
        torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ),
    ):
        parts = [
            _one_batch(images[start : start + batch], network, batch, device) for start in starts
        ]
    return np.concatenate(parts)


def batch_size(input_size: int) -> int:
    """Return 64, or the largest power of two with as many pixels in all as 64 images of 128 px."""
    fitting = max(1, 64 * 128**2 // input_size**2)
    return min(64, int(2 ** (fitting.bit_length() - 1)))


def _one_batch(
    images: NDArray[np.uint8], network: Callable[[Tensor], Tensor], batch: int, device: str
) -> NDArray[np.float32]:
    if len(images) == 0:  # one blank batch, to learn how many outputs there are
        filled = np.zeros((batch, *images.shape[1:]), dtype=np.uint8)
    else:
        filled = images[np.minimum(np.arange(batch), len(images) - 1)]
    outputs = network(torch.from_numpy(filled).to(device))
    result: NDArray[np.float32] = outputs[: len(images)].cpu().numpy()
    return result
