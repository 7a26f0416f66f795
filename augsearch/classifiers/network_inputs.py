"""From uint8 images to what a network sees, and a network's outputs image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from augsearch.device import even_threads, threads


@dataclass(frozen=True)
class Transform:
    """What becomes of pixels: channels, then (pixel / 255 - mean) / sd."""

    channels: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def __call__(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Turn values from 0 to 255, (N, 1 or 3, H, W), into the network's channels and range.

        Returns:
            `dtype`, (N, channels, H, W), channels last.
        """
        if images.shape[1] > self.channels:
            images = images.float().mean(dim=1, keepdim=True)
        images = images.expand(-1, self.channels, -1, -1)
        scale, offset = _scale_and_offset(self, images.device)
        seen = torch.empty(
            images.shape, dtype=dtype, device=images.device, memory_format=torch.channels_last
        )
        # One pass over the pixels, whatever their type.
        return torch.addcmul(offset, images, scale, out=seen)


@cache
def _scale_and_offset(transform: Transform, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what pixels are multiplied by and what is added then, (channels, 1, 1) each.

    Kept for good, as CUDA graphs read them where they lie.
    """
    with torch.inference_mode(False):  # kept, and also used in training
        mean, sd = (
            torch.tensor(v, dtype=torch.float64).view(-1, 1, 1)
            for v in (transform.mean, transform.sd)
        )
        return (1 / (255 * sd)).float().to(device), (-mean / sd).float().to(device)


@dataclass(frozen=True, eq=False)
class Inputs:
    """How a network sees images.

    Attributes:
        size: Pixels a side that images are resized to (bilinear, anti-aliased).
        transform: Channels and range.
        mean_image: float32, (C, H, W), from 0 to 255, subtracted first; on the images' device.
            None: nothing is.
        dtype: What the network computes in.
    """

    size: int
    transform: Transform
    mean_image: Tensor | None = None
    dtype: torch.dtype = torch.float32

    def __call__(self, images: Tensor) -> Tensor:
        """Turn uint8, (N, H, W, C), into `dtype`, (N, channels, size, size), channels last."""
        x = images.permute(0, 3, 1, 2)
        if self.mean_image is not None:
            x = x - self.mean_image
        size = (self.size, self.size)
        if x.shape[2:] != size:
            x = functional.interpolate(x.float(), size, mode="bilinear", antialias=True)
        return self.transform(x, self.dtype)

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
    return begin_row_by_row(images, network, batch=batch, device=device)()


def begin_row_by_row(
    images: NDArray[np.uint8], network: Callable[[Tensor], Tensor], *, batch: int, device: str
) -> Callable[[], NDArray[np.float32]]:
    """Hand images to a GPU, and return what waits for `row_by_row`'s outputs.

    A GPU that is given the next images before anyone waits for these has always something to do.
    A CPU has nothing else to do it with, and begins when it is waited for.
    """
    if torch.device(device).type != "cuda":
        return lambda: _outputs(images, network, batch, device).cpu().numpy()
    outputs = _outputs(images, network, batch, device)
    fetched = torch.empty(outputs.shape, dtype=outputs.dtype, pin_memory=True)
    fetched.copy_(outputs, non_blocking=True)
    new_event: Callable[[], torch.cuda.Event] = torch.cuda.Event  # untyped in torch
    done = new_event()
    done.record()

    def wait() -> NDArray[np.float32]:
        done.synchronize()
        return fetched.numpy()

    return wait


def _outputs(
    images: NDArray[np.uint8], network: Callable[[Tensor], Tensor], batch: int, device: str
) -> Tensor:
    """Return the outputs on the device, float32, (N, D); a GPU may still be computing them."""
    starts = range(0, max(len(images), 1), batch)
    sent = _Sender(images.shape[1:], batch, device)
    with (
        torch.inference_mode(),
        threads(even_threads()),
        torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ),
    ):
        return torch.cat(
            [
                network(sent(images[start : start + batch]))[: len(images) - start]
                for start in starts
            ]
        )


def batch_size(input_size: int, device: str = "cpu") -> int:
    """Return how many images go through a network at a time, a power of two.

    On a CPU 64, or as many as have the pixels of 64 images of 128 px: the maps of a batch then
    stay near the caches. A GPU gets 256, or the pixels of as many images of 224 px, to be filled.
    """
    most, side = (64, 128) if torch.device(device).type == "cpu" else (256, 224)
    fitting = max(1, most * side**2 // input_size**2)
    return min(most, int(2 ** (fitting.bit_length() - 1)))


class _Sender:
    """Sends batches to the device, filled up by repeating the last image.

    To a CUDA device from two places in pinned memory in turns, of which one is filled while the
    other is read: nothing is waited for, and pinning new memory for each batch takes longer than
    a network does.

    Args:
        shape: Of an image.
        batch: Images at a time.
        device: The torch device.
    """

    def __init__(self, shape: tuple[int, ...], batch: int, device: str) -> None:
        self._device = torch.device(device)
        self._turn = 0
        self._is_cuda = self._device.type == "cuda"
        self._places = [
            torch.empty((batch, *shape), dtype=torch.uint8, pin_memory=self._is_cuda)
            for _ in range(2 if self._is_cuda else 1)
        ]
        new_event: Callable[[], torch.cuda.Event] = torch.cuda.Event  # untyped in torch
        self._read = [new_event() for _ in self._places] if self._is_cuda else []

    def __call__(self, images: NDArray[np.uint8]) -> Tensor:
        """Return a full batch on the device; of no images a blank one."""
        turn = self._turn = (self._turn + 1) % len(self._places)
        if self._is_cuda:
            self._read[turn].synchronize()
        place = self._places[turn].numpy()
        place[: len(images)] = images
        # Of no images a blank one, to learn how many outputs there are.
        place[len(images) :] = images[-1] if len(images) else 0
        if not self._is_cuda:
            return self._places[turn].to(self._device)
        sent = self._places[turn].to(self._device, non_blocking=True)
        self._read[turn].record()
        return sent
