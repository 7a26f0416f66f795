import math

import pytest
import torch

from augsearch.sources.gan.losses import SOURCE_LOSSES, class_loss

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
