"""One training iteration of an unconditional GAN (Goodfellow et al. 2014; Radford et al. 2016)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

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
        players = Players(options, train.pixels.shape[1:], 0, seed, device)
        super().__init__(players, device)

    def train(self, rng: torch.Generator) -> Tensor:
        """Train discriminator and generator once; see the base class."""
        players = self.players
        real, labels = self._real.draw(self._options.batch_size, rng)
        synthetic = players.made(labels, rng)

        players.discriminator.requires_grad_(True)
        shown_real, shown = players.shown(rng, real, synthetic.detach())
        of_real, of_synthetic = players.judged_both(shown_real, shown, rng)
        d_loss = self._loss.discriminator(of_real.source, of_synthetic.source)
        descend(self.optimizers["discriminator"], d_loss)

        players.discriminator.requires_grad_(False)
        [shown] = players.shown(rng, synthetic)
        g_loss = self._loss.generator(players.judged(shown, rng).source)
        descend(self.optimizers["generator"], g_loss)
        return torch.stack([d_loss, g_loss]).detach()
