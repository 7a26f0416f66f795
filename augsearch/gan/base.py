"""What differs from one kind of GAN to the next, as the loops that train them see it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from augsearch.device import Precision


class Gan(ABC):
    """Networks, optimisers and one iteration.

    Attributes:
        loss_names: What `step` returns.
        loss_limit: A loss beyond this, either way, counts as exploded.
        remedy: What to try if the training diverges, as a sentence.
        modules: All networks by name; their state makes up a checkpoint.
        optimizers: All optimisers by name; theirs too.
        precision: What the networks compute in.
    """

    loss_names: tuple[str, ...]
    loss_limit: float = 1_000.0  # healthy ones stay below about 20
    remedy: str = (
        "Lower generator_learning_rate and discriminator_learning_rate, end at fewer iterations, "
        'or use preset = "small-data".'
    )
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    precision: Precision = "float32"

    @abstractmethod
    def step(self, iteration: int, rng: torch.Generator) -> Tensor:
        """Train for one iteration and return its losses, float32, (len(loss_names),), detached.

        Args:
            iteration: From 1 on.
            rng: All randomness of this iteration, freshly seeded, on the training's device.
        """

    def exploded(self, losses: Sequence[float]) -> str | None:
        """Return what is wrong with the losses of an iteration; None if nothing is."""
        if all(math.isfinite(loss) and abs(loss) <= self.loss_limit for loss in losses):
            return None
        named = zip(self.loss_names, losses, strict=True)
        values = ", ".join(f"{name} {loss:.4g}" for name, loss in named)
        return f"{values}; every loss must stay finite and within ±{self.loss_limit:g}"
