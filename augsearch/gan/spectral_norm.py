"""Spectral normalisation, with its start drawn from a given generator (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

Layer = TypeVar("Layer", bound=nn.Module)


class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value.

    The weight is read as a matrix (outputs, everything else; in what order does not matter). Each
    training pass makes one step of power iteration from the last estimate (algorithm 1 of the
    paper); none happens in eval mode. torch's own parametrisation draws its start from the global
    random state, which augsearch leaves alone.

    Args:
        n_outputs: Length of the weight's first axis.
    """

    left: Tensor

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("left", torch.ones(n_outputs))

    def start(self, rng: torch.Generator) -> None:
        """Draw the first estimate of the left singular vector."""
        drawn = torch.randn(self.left.shape, generator=rng)
        self.left.copy_(functional.normalize(drawn, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """Return `weight` over its largest singular value."""
        matrix = weight.movedim(1, -1).flatten(1)  # a view of weights in channels_last
        with torch.no_grad():
            # Copies, since a second pass before backward() would change what it needs.
            left = self.left.clone()
            right = functional.normalize(matrix.t().mv(left), dim=0)
            if self.training:
                left = functional.normalize(matrix.mv(right), dim=0)
                self.left.copy_(left)
        return weight / torch.dot(left, matrix.mv(right))


def spectrally_normed(layer: Layer) -> Layer:
    """Return `layer` with its weight divided by its spectral norm whenever it is used."""
    weight = layer.get_parameter("weight")
    # "unsafe" leaves out a pass that looks whether the weight keeps its shape. It does; and on the
    # meta device, where networks are made, that pass takes longer than all else.
    norm = SpectralNorm(weight.shape[0])
    parametrize.register_parametrization(layer, "weight", norm, unsafe=True)
    return layer
