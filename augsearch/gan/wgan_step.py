"""One training iteration of a Wasserstein GAN, with clipped weights or a gradient penalty."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from augsearch.gan.base import Gan
from augsearch.gan.losses import critic_loss, gradient_penalty, wasserstein_generator
from augsearch.gan.players import Players, RealImages, descend
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import WganOptions


@final
class WganStep(Gan):
    """Networks, optimisers and resident images of a WGAN, and its iteration.

    An iteration trains the critic `critic_steps` times, each on a fresh batch, and the generator
    once (Arjovsky et al. 2017, algorithm 1; with a penalty, Gulrajani et al. 2017, algorithm 1).
    The labels of `train` are not looked at.

    Args:
        options: The study's settings.
        train: The images to learn from.
        seed: Where the first weights come from.
        device: The torch device.
    """

    loss_names = ("critic", "gradient_penalty", "generator")
    loss_limit = 1e6  # a critic's values have no natural scale
    remedy = (
        "Lower generator_learning_rate and discriminator_learning_rate, use gradient_penalty = 10 "
        'in place of weight_clip, end at fewer iterations, or use preset = "small-data".'
    )

    def __init__(
        self, options: WganOptions, train: LabelledImages, seed: Seed, device: str
    ) -> None:
        self._options = options
        self._real = RealImages(train, device)
        players = Players(options, train.pixels.shape[1:], 0, seed, device)
        super().__init__(players, device)

    def train(self, rng: torch.Generator) -> Tensor:
        """Train the critic `critic_steps` times and the generator once; see the base class."""
        critic = self.players.discriminator
        critic.requires_grad_(True)
        for _ in range(self._options.critic_steps):
            c_loss, penalty = self._train_critic(rng)
        critic.requires_grad_(False)
        [shown] = self.players.shown(rng, self._synthetic(rng))
        g_loss = wasserstein_generator(self.players.judged(shown, rng).source)
        descend(self.optimizers["generator"], g_loss)
        return torch.stack([c_loss, penalty, g_loss]).detach()

    def _train_critic(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        options, players = self._options, self.players
        real, _ = self._real.draw(options.batch_size, rng)
        with torch.no_grad():
            synthetic = self._synthetic(rng)
        real, synthetic = players.shown(rng, real, synthetic)
        of_real, of_synthetic = players.judged_both(real, synthetic, rng)
        loss = critic_loss(of_real.source, of_synthetic.source)
        penalty = torch.zeros_like(loss)
        if options.gradient_penalty is not None:
            penalty = options.gradient_penalty * gradient_penalty(
                lambda images: players.judged(images, rng).source, real, synthetic, rng
            )
        descend(self.optimizers["discriminator"], loss + penalty)
        if options.weight_clip is not None:
            self._clip(options.weight_clip)
        return loss, penalty

    @torch.no_grad()
    def _clip(self, limit: float) -> None:
        for parameter in self.players.discriminator.parameters():
            parameter.clamp_(-limit, limit)

    def _synthetic(self, rng: torch.Generator) -> Tensor:
        size = self._options.batch_size
        labels = torch.zeros(size, dtype=torch.int64, device=rng.device)
        return self.players.made(labels, rng)
