import math

import pytest
import torch

from augsearch.gan.losses import (
    SOURCE_LOSSES,
    class_loss,
    critic_loss,
    gradient_penalty,
    wasserstein_generator,
)

REAL = torch.tensor([2.0, -1.0])
SYNTHETIC = torch.tensor([0.5, -3.0, 0.0])


def _log_sigmoid(x: float) -> float:
    return math.log(1 / (1 + math.exp(-x)))


def test_cross_entropy_discriminator_is_the_negative_log_likelihood_of_the_source() -> None:
    likelihood = (_log_sigmoid(2) + _log_sigmoid(-1)) / 2
    likelihood += (_log_sigmoid(-0.5) + _log_sigmoid(3) + math.log(0.5)) / 3
    found = SOURCE_LOSSES["cross-entropy"].discriminator(REAL, SYNTHETIC)
    assert found.item() == pytest.approx(-likelihood, abs=1e-6)


def test_cross_entropy_generator_wants_to_be_taken_for_real() -> None:
    expected = -(_log_sigmoid(0.5) + _log_sigmoid(-3) + math.log(0.5)) / 3
    found = SOURCE_LOSSES["cross-entropy"].generator(SYNTHETIC)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_hinge_by_hand() -> None:
    hinge = SOURCE_LOSSES["hinge"]
    # real: max(0, -1), max(0, 2); synthetic: 1.5, max(0, -2), 1
    assert hinge.discriminator(REAL, SYNTHETIC).item() == pytest.approx(1 + 2.5 / 3, abs=1e-6)
    assert hinge.generator(SYNTHETIC).item() == pytest.approx(2.5 / 3, abs=1e-6)


def test_class_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0]])
    expected = -(math.log(3 / 4) + math.log(1 / 5)) / 2
    assert class_loss(logits, torch.tensor([1, 1])).item() == pytest.approx(expected, abs=1e-6)


def test_wasserstein_losses_are_differences_of_means() -> None:
    assert critic_loss(REAL, SYNTHETIC).item() == pytest.approx(-2.5 / 3 - 0.5)
    assert wasserstein_generator(SYNTHETIC).item() == pytest.approx(2.5 / 3)


def test_gradient_penalty_of_a_linear_critic_depends_on_its_slope_alone() -> None:
    # The gradient of <w, x> is w everywhere, so the penalty is (|w| - 1)^2.
    slope = torch.arange(12.0).reshape(1, 3, 4).requires_grad_(True)
    norm = sum(value**2 for value in range(12)) ** 0.5
    rng = torch.Generator().manual_seed(0)
    real, synthetic = torch.randn(2, 5, 1, 3, 4, generator=rng)
    penalty = gradient_penalty(lambda x: (x * slope).sum((1, 2, 3)), real, synthetic, rng)
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    penalty.backward()  # 2 (|w| - 1) w / |w|
    assert slope.grad is not None
    expected = 2 * (norm - 1) * slope.detach() / norm
    assert torch.allclose(slope.grad, expected, rtol=1e-4)


def test_gradient_penalty_looks_between_real_and_synthetic_images() -> None:
    seen: list[torch.Tensor] = []

    def critic(images: torch.Tensor) -> torch.Tensor:
        seen.append(images.detach())
        return images.square().sum((1, 2, 3))

    rng = torch.Generator().manual_seed(0)
    real, synthetic = torch.zeros(500, 1, 1, 2), torch.ones(500, 1, 1, 2)
    penalty = gradient_penalty(critic, real, synthetic, rng)
    [points] = seen
    assert torch.equal(points[..., 0], points[..., 1])  # one place per image
    assert points.min() >= 0 and points.max() <= 1 and points.std() > 0.2
    norms = (2 * points).flatten(1).norm(dim=1)
    assert penalty.item() == pytest.approx((norms - 1).square().mean().item(), rel=1e-5)
