"""What every kind of GAN trains with: two networks, their optimisers, the real images."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from augsearch.device import pick_precision
from augsearch.gan.augment import augmented
from augsearch.gan.average import average_towards
from augsearch.gan.designs import designs
from augsearch.gan.discriminator import Discriminator
from augsearch.gan.generator import Generator
from augsearch.gan.initial import built
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import GanOptions


@final
class Players:
    """Generator, discriminator and their optimisers.

    Weights, heads, losses and optimisers are float32. In bf16 the layers below the heads compute in
    it, by autocast.

    Args:
        options: The study's settings.
        shape: Height, width and channels of the images.
        n_classes: Classes that both networks know; 0 for an unconditional GAN.
        seed: Where the first weights come from.
        device: The torch device.

    Attributes:
        precision: What the layers compute in.
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
        self._device = torch.device(device)
        self.precision = pick_precision(options.precision, device)
        generator, discriminator = designs(options, shape, n_classes)
        rng = seed.child("initial weights").torch_generator()
        self.generator = built(Generator, generator, rng).to(device)
        self.discriminator = built(Discriminator, discriminator, rng).to(device)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)
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

    def made(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Return a synthetic image for each label, float32, (N, C, H, W), -1 to 1."""
        latent = self.generator.design.latents(len(labels), rng)
        with self._lowered():
            images: Tensor = self.generator(latent, labels)
        return images.float()

    def shown(self, rng: torch.Generator, *batches: Tensor) -> tuple[Tensor, ...]:
        """Return what the discriminator is to see of each batch of images, augmented together."""
        if not self._options.augment:
            return batches
        seen = augmented(torch.cat(batches), self._options.augment, rng)
        parts: tuple[Tensor, ...] = torch.split(seen, [len(batch) for batch in batches])
        return parts

    def judged(self, images: Tensor, rng: torch.Generator, sizes: Sequence[int] = ()) -> Answers:
        """Return the discriminator's answers, float32; `sizes` as `Discriminator.features` has."""
        with self._lowered():
            features = self.discriminator.features(images, rng, sizes)
        return Answers(*self.discriminator.heads(features.float()))

    def judged_both(
        self, real: Tensor, synthetic: Tensor, rng: torch.Generator
    ) -> tuple[Answers, Answers]:
        """Return the answers to real and to synthetic images, from one pass."""
        sizes = [len(real), len(synthetic)]
        both = self.judged(torch.cat([real, synthetic]), rng, sizes)
        (real_source, source), (real_classes, classes) = (torch.split(part, sizes) for part in both)
        return Answers(real_source, real_classes), Answers(source, classes)

    def follow(self, iteration: int) -> None:
        """Move the average, if there is one, after the generator has been trained."""
        if self.average is not None:
            average_towards(self.average, self.generator, self._options.moving_average, iteration)

    def _lowered(self) -> AbstractContextManager[object]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)


class Answers(NamedTuple):
    """What a discriminator says of images: source logits, (N,), and class logits, (N, classes)."""

    source: Tensor
    classes: Tensor


def _optimizer(options: GanOptions, network: nn.Module, learning_rate: float) -> Optimizer:
    parameters = list(network.parameters())
    capturable = parameters[0].is_cuda  # keeps its count of steps there, for `OneGraph`
    if options.optimizer == "rmsprop":
        return RMSprop(parameters, learning_rate, capturable=capturable)
    return Adam(parameters, learning_rate, options.betas, fused=True, capturable=capturable)


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
        self._pixels = torch.tensor(train.pixels, device=device).movedim(-1, 1)
        self._labels = torch.tensor(train.labels, device=device)
        self._cumulative = torch.tensor(_cumulative_chances(train, balanced), device=device)

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images, float32, (count, C, H, W), -1 to 1, and labels, drawn with replacement."""
        # multinomial() would add the chances up on every call.
        places = torch.rand(count, generator=rng, device=rng.device)
        rows = torch.searchsorted(self._cumulative, places, right=True)
        return self._pixels[rows].float() / 127.5 - 1, self._labels[rows]


def _cumulative_chances(train: LabelledImages, balanced: bool) -> NDArray[np.float32]:
    """Return the chance of each image together with all before it, up to 1 sharp."""
    chances = np.ones(len(train))
    if balanced:
        chances = (1 / np.maximum(train.class_counts(), 1))[train.labels]
    sums = np.cumsum(chances)
    cumulative: NDArray[np.float32] = (sums / sums[-1]).astype(np.float32)
    return cumulative
