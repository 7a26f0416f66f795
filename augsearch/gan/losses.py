"""The losses of all kinds of GAN, as pure functions to be minimised.

Odena et al. 2017: with L_S the log-likelihood of the correct source (eq. 1) and L_C that of the
correct class (eq. 2), the discriminator maximises L_S + L_C and the generator L_C - L_S; without
classes L_C is left out (Goodfellow et al. 2014). Source logits and a critic's values are larger for
real; every function averages over the batch and gives a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """Return -L_S = -E[log P(real | real)] - E[log P(synthetic | synthetic)]; (N,) and (M,)."""
    return functional.softplus(-real).mean() + functional.softplus(synthetic).mean()


def cross_entropy_generator(synthetic: Tensor) -> Tensor:
    """Return -E[log P(real | synthetic)], the non-saturating form of L_S; (N,)."""
    return functional.softplus(-synthetic).mean()


def hinge_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """Return E[max(0, 1 - real)] + E[max(0, 1 + synthetic)] (Miyato et al. 2018, eq. 16)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + synthetic).mean()


def hinge_generator(synthetic: Tensor) -> Tensor:
    """Return -E[synthetic] (Miyato et al. 2018, eq. 17)."""
    return -synthetic.mean()


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return one term of -L_C, -E[log P(C = c | X)]; (N, n_classes) and int64 (N,)."""
    return functional.cross_entropy(logits, labels)


def critic_loss(real: Tensor, synthetic: Tensor) -> Tensor:
    """Return E[synthetic] - E[real], minus the estimated distance (Arjovsky et al. 2017)."""
    return synthetic.mean() - real.mean()


def wasserstein_generator(synthetic: Tensor) -> Tensor:
    """Return -E[synthetic] (Arjovsky et al. 2017, algorithm 1)."""
    return -synthetic.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, synthetic: Tensor, rng: torch.Generator
) -> Tensor:
    """Return E[(|grad critic(x)| - 1)^2] at points between real and synthetic images.

    Each point lies at its own place, drawn from U(0, 1), on the line between a real and a synthetic
    image (Gulrajani et al. 2017, eq. 3 without its factor).

    Args:
        critic: Images, (N, C, H, W), to values, (N,), each of its own image alone.
        real: float32, (N, C, H, W).
        synthetic: The same shape.
        rng: On the device of the images.
    """
    share = torch.rand((len(real), 1, 1, 1), generator=rng, device=real.device)
    between = (share * real + (1 - share) * synthetic).requires_grad_(True)
    [gradient] = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return (norms - 1).square().mean()


@dataclass(frozen=True)
class SourceLoss:
    """The two sides of the game over "real or synthetic"."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


SOURCE_LOSSES: Mapping[str, SourceLoss] = {
    "cross-entropy": SourceLoss(cross_entropy_discriminator, cross_entropy_generator),
    "hinge": SourceLoss(hinge_discriminator, hinge_generator),
}
"""By the name that a study file uses."""
