"""The first weights of a network, all from one given generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from augsearch.gan.spectral_norm import SpectralNorm

_INITIAL_SD = 0.02

Design = TypeVar("Design")
Network = TypeVar("Network", bound=nn.Module)


def built(kind: Callable[[Design], Network], design: Design, rng: torch.Generator) -> Network:
    """Return a network on the CPU with its first weights.

    Weights are drawn from N(0, 0.02²) as in DCGAN (Radford et al. 2016), embeddings from N(0, 1) so
    that the label is heard from the start; biases are 0. The global random state is not touched.

    Args:
        kind: `Generator` or `Discriminator`.
        design: What it takes.
        rng: CPU generator that all weights come from.
    """
    with torch.device("meta"):  # layers would draw from the global random state otherwise
        network = kind(design)
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            module.reset_parameters()
        elif isinstance(module, SpectralNorm):
            module.start(rng)
        else:
            _draw(module, rng)
    return network


@torch.no_grad()
def _draw(module: nn.Module, rng: torch.Generator) -> None:
    sd = 1.0 if isinstance(module, nn.Embedding) else _INITIAL_SD
    for parameter in module.parameters(recurse=False):
        if parameter.ndim > 1:
            parameter.normal_(0, sd, generator=rng)
        else:
            parameter.zero_()
