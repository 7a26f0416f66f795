"""One training iteration of an auxiliary-classifier GAN (Odena et al. 2017)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from augsearch.gan.base import Gan
from augsearch.gan.losses import SOURCE_LOSSES, class_loss
from augsearch.gan.players import Players, RealImages, descend
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions


@final
class AcganStep(Gan):
    """Networks, optimisers and resident images of an ACGAN, and its iteration.

    The discriminator sees one batch of real and one of synthetic images, then the generator answers
    with the same synthetic images. Synthetic labels are uniform over the classes. With one class
    only, the class losses are 0 and what is left is the game over "real or synthetic".

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
        players = Players(options, train.pixels.shape[1:], len(train.classes), seed, device)
        super().__init__(players, device)

    def train(self, rng: torch.Generator) -> Tensor:
        """Train discriminator and generator once; see the base class."""
        players, size = self.players, self._options.batch_size
        real, real_labels = self._real.draw(size, rng)
        n_classes = players.generator.design.n_classes
        labels = torch.randint(n_classes, (size,), generator=rng, device=rng.device)
        synthetic = players.made(labels, rng)

        players.discriminator.requires_grad_(True)
        shown_real, shown = players.shown(rng, real, synthetic.detach())
        of_real, of_synthetic = players.judged_both(shown_real, shown, rng)
        d_source = self._loss.discriminator(of_real.source, of_synthetic.source)
        d_class = class_loss(of_real.classes, real_labels)
        d_class = d_class + class_loss(of_synthetic.classes, labels)
        descend(self.optimizers["discriminator"], d_source + d_class)

        players.discriminator.requires_grad_(False)
        [shown] = players.shown(rng, synthetic)
        answers = players.judged(shown, rng)
        g_source = self._loss.generator(answers.source)
        g_class = class_loss(answers.classes, labels)
        descend(self.optimizers["generator"], g_source + g_class)
        return torch.stack([d_source, d_class, g_source, g_class]).detach()
