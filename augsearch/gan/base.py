"""What differs from one kind of GAN to the next, and what all of them do alike."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from augsearch.device import Precision
from augsearch.gan.graph import OneGraph
from augsearch.gan.players import Players


class Gan(ABC):
    """A generator and a discriminator that are trained against each other, and one iteration.

    On a CUDA GPU `train` is captured as one graph. It must therefore do the same on every call,
    never look at a value on the host, and draw from the generator that it is given alone.

    Args:
        players: Networks and optimisers.
        device: The torch device.

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

    def __init__(self, players: Players, device: str) -> None:
        self.players = players
        self.modules = players.modules
        self.optimizers = players.optimizers()
        self.precision = players.precision
        self._graph: OneGraph | None = None
        if torch.device(device).type == "cuda":
            self._graph = OneGraph(self.modules, self.optimizers, device)

    @abstractmethod
    def train(self, rng: torch.Generator) -> Tensor:
        """Train both networks once, without the moving average; return the losses, detached."""

    def step(self, iteration: int, rng: torch.Generator) -> Tensor:
        """Train for one iteration and return its losses, float32, (len(loss_names),), detached.

        Args:
            iteration: From 1 on.
            rng: All randomness of this iteration, freshly seeded, on the training's device.
        """
        losses = self.train(rng) if self._graph is None else self._graph(self.train, rng)
        # Outside the graph, since the weight of the average depends on the iteration.
        self.players.follow(iteration)
        return losses

    def exploded(self, losses: Sequence[float]) -> str | None:
        """Return what is wrong with the losses of an iteration; None if nothing is."""
        if all(math.isfinite(loss) and abs(loss) <= self.loss_limit for loss in losses):
            return None
        named = zip(self.loss_names, losses, strict=True)
        values = ", ".join(f"{name} {loss:.4g}" for name, loss in named)
        return f"{values}; every loss must stay finite and within ±{self.loss_limit:g}"
