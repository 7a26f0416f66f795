"""The losses of Odena et al. 2017 and their hinge variant, as pure functions to be minimised.

With L_S the log-likelihood of the correct source (eq. 1) and L_C that of the correct class
(eq. 2), the discriminator maximises L_S + L_C and the generator L_C - L_S. Source logits are
positive for real; every function takes logits, averages over the batch and gives a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
