"""The endless, numbered stream of images of trained generators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.gan.discriminator import Discriminator
from augsearch.gan.generator import Generator
from augsearch.seeds import Seed
from augsearch.sources.pools.kinds import ScoredPool
from augsearch.sources.pools.numbering import BLOCK, by_blocks


@final
class GeneratorPool(ScoredPool):
    """Images of a generator in eval mode, always computed in whole, aligned blocks.

    The latent vectors of block b of class c come from a CPU generator seeded by (seed, c, b), so
    image i does not depend on what else was asked for, and pools of different devices agree up to
    rounding. The generator's -1 to 1 becomes 0 to 255 by (x + 1) * 127.5, rounded half to even.

    Args:
        generator: In eval mode; moved to `device` when the first image is asked for. One without
            classes gives the images of label 0.
        discriminator: The one it was trained against, in eval mode.
        seed: Where the pool's randomness comes from.
        device: The torch device.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, seed: Seed, device: str
    ) -> None:
        self._generator = generator
        self._discriminator = discriminator
        self._seed = seed.child("pool")
        self._device = device

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: No such class, or a range that runs backwards or below 0.
        """
        self._check(label, start, stop)
        return by_blocks(partial(self._block, label), start, stop)

    def realness(self, label: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return the discriminator's score of the finished, rounded images; see the base class."""
        self._check(label, start, stop)
        return by_blocks(partial(self._scores, label), start, stop)

    @torch.inference_mode()
    def _block(self, label: int, block: int) -> NDArray[np.uint8]:
        rng = self._seed.child(label, block).torch_generator()
        latent = self._generator.design.latents(BLOCK, rng)
        labels = torch.full((BLOCK,), label)
        self._generator.to(self._device)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            images = self._generator(latent.to(self._device), labels.to(self._device))
        scaled = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pixels: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
        return pixels

    @torch.inference_mode()
    def _scores(self, label: int, block: int) -> NDArray[np.float64]:
        pixels = torch.from_numpy(self._block(label, block)).to(self._device)
        self._discriminator.to(self._device)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            source, _ = self._discriminator(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        scores: NDArray[np.float64] = source.cpu().double().numpy()  # Apple's have no float64
        return scores

    def _check(self, label: int, start: int, stop: int) -> None:
        n_classes = max(1, self._generator.design.n_classes)
        if not 0 <= label < n_classes:
            raise SourceError(
                f"label must be below the number of classes ({n_classes}) but got {label}."
            )
        if not 0 <= start <= stop:
            raise SourceError(f"images must be asked for as 0 <= start <= stop: {start}, {stop}.")


@final
class ClassPools(ScoredPool):
    """One generator for each class.

    Args:
        pools: Of each class, a pool with that class only; None for one without training images.
        classes: Their names.
    """

    def __init__(self, pools: Sequence[ScoredPool | None], classes: Sequence[str]) -> None:
        self._pools = pools
        self._classes = classes

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: No such class, none of its images to learn from, or no such range.
        """
        return self._pool(label).images(0, start, stop)

    def realness(self, label: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return the scores of the class's own discriminator; see the base class."""
        return self._pool(label).realness(0, start, stop)

    def _pool(self, label: int) -> ScoredPool:
        if not 0 <= label < len(self._pools):
            raise SourceError(
                f"label must be below the number of classes ({len(self._pools)}) but got {label}."
            )
        pool = self._pools[label]
        if pool is None:
            raise SourceError(
                f"at least 1 training image of class {self._classes[label]!r} is needed to make "
                "more of them but there are 0; add images of it or leave the class out."
            )
        return pool
