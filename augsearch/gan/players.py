"""What every kind of GAN trains with: two networks, their optimisers, the real images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from augsearch.gan.average import average_towards
from augsearch.gan.designs import designs
from augsearch.gan.discriminator import built_discriminator
from augsearch.gan.generator import Generator, built_generator
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import GanOptions


@final
class Players:
    """Generator, discriminator and their optimisers.

    Args:
        options: The study's settings.
        shape: Height, width and channels of the images.
        n_classes: Classes that both networks know; 0 for an unconditional GAN.
        seed: Where the first weights come from.
        device: The torch device.
    """

    def __init__(
        self,
        options: GanOptions,
        shape: tuple[int, ...],
        n_classes: int,
        seed: Seed,
        device: str,
    ) -> None:
        self._options = options
        generator, discriminator = designs(options, shape, n_classes)
        rng = seed.child("initial weights").torch_generator()
        self.generator = built_generator(generator, rng).to(device)
        self.discriminator = built_discriminator(discriminator, rng).to(device)
        if device == "cpu":  # 8 % faster there at 32 x 32
            self.generator.to(memory_format=torch.channels_last)
            self.discriminator.to(memory_format=torch.channels_last)
        self.average: Generator | None = None
        if options.moving_average:
            self.average = copy.deepcopy(self.generator).requires_grad_(False)

    @property
    def sampled(self) -> Generator:
        """The generator to take images from: the average if there is one."""
        return self.average or self.generator

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """All networks by name."""
        modules: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        return modules if self.average is None else modules | {"average": self.average}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return fresh optimisers, by the name of the network each trains."""
        options = self._options
        return {
            "generator": _optimizer(options, self.generator, options.generator_learning_rate),
            "discriminator": _optimizer(
                options, self.discriminator, options.discriminator_learning_rate
            ),
        }

    def follow(self, iteration: int) -> None:
        """Move the average, if there is one, after the generator has been trained."""
        if self.average is not None:
            average_towards(self.average, self.generator, self._options.moving_average, iteration)


def _optimizer(options: GanOptions, network: nn.Module, learning_rate: float) -> Optimizer:
    if options.optimizer == "rmsprop":
        return RMSprop(network.parameters(), learning_rate)
    return Adam(network.parameters(), learning_rate, options.betas, fused=True)


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Take one step of `optimizer` down the gradient of `loss`."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()


@final
class RealImages:
    """The images to learn from, kept on the device as uint8.

    Args:
        train: The images.
        device: The torch device.
        balanced: Draw uniform over the classes that have images; else uniform over the images.
    """

    def __init__(self, train: LabelledImages, device: str, balanced: bool = False) -> None:
        self._pixels = torch.tensor(train.pixels, device=device).permute(0, 3, 1, 2).contiguous()
        self._labels = torch.tensor(train.labels, device=device)
        self._chances = torch.tensor(_chances(train, balanced), device=device)

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images, float32, (count, C, H, W), -1 to 1, and labels, drawn with replacement."""
        rows = torch.multinomial(self._chances, count, True, generator=rng)
        return self._pixels[rows].float() / 127.5 - 1, self._labels[rows]


def _chances(train: LabelledImages, balanced: bool) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if not balanced:
        return np.ones(len(train), dtype=np.float32)
    return (1 / np.maximum(train.class_counts(), 1)).astype(np.float32)[train.labels]
