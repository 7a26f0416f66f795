"""The generator that is sampled: a moving average of the weights, with its own statistics."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from augsearch.gan.generator import Generator
from augsearch.seeds import Seed

_moving: Callable[[float], Callable[..., None]] = get_ema_multi_avg_fn  # untyped in torch

_BATCHES = 16
_BATCH_SIZE = 64


def average_towards(average: nn.Module, module: nn.Module, decay: float, iteration: int) -> None:
    """Move the parameters of `average` towards those of `module` (Yazici et al. 2019).

    The decay starts low, min(decay, (1 + t) / (10 + t)), so that the first, random weights are
    soon forgotten. Buffers are left alone: see `calibrated`.
    """
    move = _moving(min(decay, (1 + iteration) / (10 + iteration)))
    move(list(average.parameters()), list(module.parameters()), iteration)


@torch.no_grad()
def calibrated(generator: Generator, seed: Seed) -> Generator:
    """Return a copy in eval mode whose batch norm statistics belong to its weights.

    Running statistics collected in training are those of other weights: of the last few dozen
    iterations, and never of the averaged ones, which then give washed-out or garish images. So
    they are measured afresh on 1,024 images, all classes alike.

    Args:
        generator: On any device; unchanged.
        seed: Where the latent vectors come from.
    """
    generator = copy.deepcopy(generator)
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    generator.train()
    rng = seed.torch_generator()
    device = next(generator.parameters()).device
    labels = torch.arange(_BATCHES * _BATCH_SIZE) % max(1, generator.design.n_classes)
    for batch in torch.split(labels, _BATCH_SIZE) if norms else ():
        generator(generator.design.latents(len(batch), rng).to(device), batch.to(device))
    return generator.eval()
