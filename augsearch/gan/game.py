"""What all kinds of GAN do alike: players, how an iteration is run, the moving average."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from augsearch.gan.base import Gan
from augsearch.gan.graph import OneGraph
from augsearch.gan.players import Players


class Game(Gan):
    """A generator and a discriminator that are trained against each other.

    On a CUDA GPU `train` is captured as one graph. It must therefore do the same on every call,
    never look at a value on the host, and draw from the generator that it is given alone.

    Args:
        players: Networks and optimisers.
        device: The torch device.
    """

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
        """Train both networks once; see the base class."""
        losses = self.train(rng) if self._graph is None else self._graph(self.train, rng)
        # Outside the graph, since the weight of the average depends on the iteration.
        self.players.follow(iteration)
        return losses
