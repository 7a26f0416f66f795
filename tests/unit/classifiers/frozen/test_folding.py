import gc
import weakref

import pytest
import torch
from torch import nn

from augsearch.classifiers.frozen.folding import fold_batch_norms
from augsearch.classifiers.torchvision_networks import headless
from augsearch.seeds import Seed


def shaken(network: nn.Module) -> nn.Module:
    """Give the batch norms statistics and weights, as training does."""
    random = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=random)
            nn.init.uniform_(module.bias, -0.5, 0.5, generator=random)
    return network.requires_grad_(False).eval()


def n_batch_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    ("name", "left"), [("densenet121", 62), ("resnet18", 0), ("efficientnet_v2_s", 0)]
)
def test_outputs_stay_and_batch_norms_go(name: str, left: int) -> None:
    network = shaken(headless(name, "random", Seed.of(0)).body)
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(images)
        before = n_batch_norms(network)
        assert fold_batch_norms(network) == before - left > 0
        found = network(images)
    assert n_batch_norms(network) == left
    assert torch.linalg.norm(found - expected) < 1e-5 * torch.linalg.norm(expected)


def test_a_convolution_that_others_read_too_is_left_alone() -> None:
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            return x + self.norm(x)

    assert fold_batch_norms(shaken(Forked())) == 0


def test_what_is_let_go_is_gone_at_once() -> None:
    # In a circle of references its memory would stay until Python looks for garbage.
    network = shaken(headless("resnet18", "random", Seed.of(0)).body)
    fold_batch_norms(network)
    left = [weakref.ref(values) for values in network.parameters()]
    gc.disable()
    try:
        del network
        assert all(one() is None for one in left)
    finally:
        gc.enable()
