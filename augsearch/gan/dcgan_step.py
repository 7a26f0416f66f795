"""One training iteration of an unconditional GAN (Goodfellow et al. 2014; Radford et al. 2016)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from augsearch.gan.augment import augmented
from augsearch.gan.base import Gan
from augsearch.gan.losses import SOURCE_LOSSES
from augsearch.gan.players import Players, RealImages, descend
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import DcganOptions


@final
class DcganStep(Gan):
    """Networks, optimisers and resident images of a DCGAN, and its iteration.

    As an ACGAN's, without classes: the labels of `train` are not looked at.

    Args:
        options: The study's settings.
        train: The images to learn from.
        seed: Where the first weights come from.
        device: The torch device.
    """

    loss_names = ("discriminator", "generator")

    def __init__(
        self, options: DcganOptions, train: LabelledImages, seed: Seed, device: str
    ) -> None:
        self._options = options
        self._loss = SOURCE_LOSSES[options.loss]
        self._real = RealImages(train, device)
        self.players = Players(options, train.pixels.shape[1:], 0, seed, device)
        self.modules = self.players.modules
        self.optimizers = self.players.optimizers()

    def step(self, iteration: int, rng: torch.Generator) -> Tensor:
        """Train discriminator and generator once; see the base class."""
        generator, discriminator = self.players.generator, self.players.discriminator
        real, labels = self._real.draw(self._options.batch_size, rng)
        synthetic = generator(generator.design.latents(len(real), rng), labels)

        discriminator.requires_grad_(True)
        d_loss = self._loss.discriminator(
            self._judged(real, rng), self._judged(synthetic.detach(), rng)
        )
        descend(self.optimizers["discriminator"], d_loss)

        discriminator.requires_grad_(False)
        g_loss = self._loss.generator(self._judged(synthetic, rng))
        descend(self.optimizers["generator"], g_loss)
        self.players.follow(iteration)
        return torch.stack([d_loss, g_loss]).detach()

    def _judged(self, images: Tensor, rng: torch.Generator) -> Tensor:
        images = augmented(images, self._options.augment, rng)
        source: Tensor = self.players.discriminator(images, rng)[0]
        return source
