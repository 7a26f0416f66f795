"""One training iteration of an auxiliary-classifier GAN (Odena et al. 2017)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from augsearch.gan.augment import augmented
from augsearch.gan.base import Gan
from augsearch.gan.losses import SOURCE_LOSSES, class_loss
from augsearch.gan.players import Players, RealImages, descend
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions


@final
class AcganStep(Gan):
    """Networks, optimisers and resident images of an ACGAN, and its iteration.

    The discriminator sees one batch of real and one of synthetic images, apart (batch norm would
    tell them apart by their mixture otherwise), then the generator answers with the same synthetic
    images. Synthetic labels are uniform over the classes. With one class only, the class losses are
    0 and what is left is the game over "real or synthetic".

    Args:
        options: The study's settings.
        train: The images to learn from.
        seed: Where the first weights come from.
        device: The torch device.
    """

    loss_names = (
        "discriminator_source",
        "discriminator_class",
        "generator_source",
        "generator_class",
    )

    def __init__(
        self, options: AcganOptions, train: LabelledImages, seed: Seed, device: str
    ) -> None:
        self._options = options
        self._loss = SOURCE_LOSSES[options.loss]
        self._real = RealImages(train, device, options.balanced_batches)
        self.players = Players(options, train.pixels.shape[1:], len(train.classes), seed, device)
        self.modules = self.players.modules
        self.optimizers = self.players.optimizers()

    def step(self, iteration: int, rng: torch.Generator) -> Tensor:
        """Train discriminator and generator once; see the base class."""
        discriminator = self.players.discriminator
        real, real_labels = self._real.draw(self._options.batch_size, rng)
        latent, labels = self._synthetic_batch(rng)
        synthetic = self.players.generator(latent, labels)

        discriminator.requires_grad_(True)
        real_source, real_class = self._judged(real, rng)
        source, classes = self._judged(synthetic.detach(), rng)
        d_source = self._loss.discriminator(real_source, source)
        d_class = class_loss(real_class, real_labels) + class_loss(classes, labels)
        descend(self.optimizers["discriminator"], d_source + d_class)

        discriminator.requires_grad_(False)
        source, classes = self._judged(synthetic, rng)
        g_source = self._loss.generator(source)
        g_class = class_loss(classes, labels)
        descend(self.optimizers["generator"], g_source + g_class)
        self.players.follow(iteration)
        return torch.stack([d_source, d_class, g_source, g_class]).detach()

    def _judged(self, images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        images = augmented(images, self._options.augment, rng)
        source, classes = self.players.discriminator(images, rng)
        return source, classes

    def _synthetic_batch(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        size, design = self._options.batch_size, self.players.generator.design
        latent = design.latents(size, rng)
        labels = torch.randint(design.n_classes, (size,), generator=rng, device=rng.device)
        return latent, labels
