import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn

from augsearch.classifiers.end_to_end.network import Network
from augsearch.classifiers.end_to_end.own_networks import fridadar2018, roglin2022


def _shapes(network: Network, kind: type[nn.Module], image: Tensor) -> list[tuple[int, ...]]:
    """Return the shape, without the batch, that each layer of a kind gives."""
    found: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, kind):
            layer.register_forward_hook(lambda m, i, out: found.append(tuple(out.shape[1:])))
    network.eval()(image)
    return found


def _count(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def test_the_lesion_classifier_has_about_1_3_million_parameters() -> None:
    count = _count(fridadar2018(64, 1, 3))
    assert count == 1_306_115
    assert round(count / 1e6, 1) == 1.3


def test_the_lesion_classifier_is_three_pairs_and_two_dense_layers() -> None:
    network, image = fridadar2018(64, 1, 3), torch.zeros(2, 1, 64, 64)
    convolved = [(32, 64, 64), (64, 32, 32), (128, 16, 16)]
    assert _shapes(network, nn.Conv2d, image) == convolved
    assert _shapes(network, nn.MaxPool2d, image) == [(32, 32, 32), (64, 16, 16), (128, 8, 8)]
    assert _shapes(network, nn.Linear, image) == [(128,), (3,)]
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.5]


def test_pooling_before_relu_gives_the_papers_numbers_to_the_last_bit() -> None:
    network = fridadar2018(32, 1, 3)
    as_published = copy.deepcopy(network)
    for first in (1, 4, 7):
        body = as_published.body
        body[first], body[first + 1] = body[first + 1], body[first]
    assert isinstance(as_published.body[1], nn.ReLU)
    image = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    for one in (network, as_published):
        one.eval()(image).square().sum().backward()
    for here, there in zip(network.parameters(), as_published.parameters(), strict=True):
        assert torch.equal(here.grad, there.grad)


@pytest.mark.parametrize(("size", "channels", "n_classes"), [(16, 1, 2), (30, 3, 5), (100, 3, 2)])
def test_the_lesion_classifier_takes_other_sizes(size: int, channels: int, n_classes: int) -> None:
    network = fridadar2018(size, channels, n_classes)
    assert network(torch.zeros(4, channels, size, size)).shape == (4, n_classes)


def test_the_last_two_stages_keep_the_side() -> None:
    network, sides = roglin2022(1, 3), []
    for stage in (network.body.layer1, network.body.layer2, network.body.layer3):
        stage.register_forward_hook(lambda m, i, out: sides.append(tuple(out.shape[1:])))
    network.body.layer4.register_forward_hook(lambda m, i, out: sides.append(tuple(out.shape[1:])))
    assert network.eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 3)
    assert sides == [(64, 16, 16), (128, 8, 8), (256, 8, 8), (512, 8, 8)]
    assert _shapes(network, nn.AdaptiveAvgPool2d, torch.zeros(2, 1, 64, 64)) == [(512, 1, 1)]


def test_the_variant_has_the_weights_of_a_resnet_18() -> None:
    usual = torchvision.models.resnet18(weights=None, num_classes=3)
    assert _count(roglin2022(3, 3)) == _count(usual)
    assert _count(roglin2022(1, 3)) == _count(usual) - 2 * 64 * 49
