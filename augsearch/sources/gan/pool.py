"""The endless, numbered stream of images of a trained class-conditional generator."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from augsearch.errors import SourceError, StorageError
from augsearch.seeds import Seed
from augsearch.sources.base import Pool
from augsearch.sources.gan.checkpoint import read_tensors, write_tensors
from augsearch.sources.gan.networks import Generator, GeneratorDesign
from augsearch.sources.numbering import BLOCK, by_blocks


class GeneratorPool(Pool):
    """Images of a generator in eval mode, always computed in whole, aligned blocks.

    The latent vectors of block b of class c come from a CPU generator seeded by (seed, c, b), so
    image i does not depend on what else was asked for, and pools of different devices agree up to
    rounding. The generator's -1 to 1 becomes 0 to 255 by (x + 1) * 127.5, rounded half to even.

    Args:
        generator: In eval mode; moved to `device` when the first image is asked for.
        seed: Where the pool's randomness comes from.
        device: The torch device.
    """

    def __init__(self, generator: Generator, seed: Seed, device: str) -> None:
        self._generator = generator
        self._seed = seed.child("pool")
        self._device = device

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: No such class, or a range that runs backwards or below 0.
        """
        n_classes = self._generator.design.n_classes
        if not 0 <= label < n_classes:
            raise SourceError(
                f"label must be below the number of classes ({n_classes}) but got {label}."
            )
        if not 0 <= start <= stop:
            raise SourceError(f"images must be asked for as 0 <= start <= stop: {start}, {stop}.")
        return by_blocks(partial(self._block, label), start, stop)

    @torch.inference_mode()
    def _block(self, label: int, block: int) -> NDArray[np.uint8]:
        design = self._generator.design
        rng = self._seed.child(label, block).torch_generator()
        latent = torch.randn(BLOCK, design.latent_dim, generator=rng) * design.latent_sd
        labels = torch.full((BLOCK,), label)
        self._generator.to(self._device)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            images = self._generator(latent.to(self._device), labels.to(self._device))
        scaled = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pixels: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
        return pixels


def write_generator(path: Path, generator: Generator) -> None:
    """Write a generator with its design, atomically."""
    write_tensors(path, generator.state_dict(), {"generator": asdict(generator.design)})


def read_generator(path: Path) -> Generator:
    """Read a generator back, on the CPU and in eval mode.

    Raises:
        StorageError: The file is missing or damaged.
    """
    tensors, meta = read_tensors(path)
    try:
        design = meta["generator"]
        design["filters"] = tuple(design["filters"])
        with torch.device("meta"):
            generator = Generator(GeneratorDesign(**design))
        generator.load_state_dict(tensors, assign=True)
    except (RuntimeError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path} holds no generator that this version knows ({error}); delete it and run the "
            "same command again: it is then made anew."
        ) from error
    return generator.eval()
