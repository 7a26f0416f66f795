from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from augsearch.classifiers.end_to_end.blueprint import Blueprint
from augsearch.errors import WeightsError
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 1), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def _blueprint(network: str, **settings: object) -> Blueprint:
    return Blueprint(EndToEndOptions(kind="end-to-end", network=network, **settings))


def test_the_mean_of_the_training_images_is_subtracted_pixel_by_pixel() -> None:
    blueprint = _blueprint("fridadar2018", normalise="mean-image")
    _, inputs = blueprint.build(PIXELS, 2, Seed.of(0))
    seen = inputs(torch.from_numpy(PIXELS))
    expected = (PIXELS - PIXELS.mean(axis=0)) / 255
    np.testing.assert_allclose(seen.permute(0, 2, 3, 1).numpy(), expected, rtol=0, atol=1e-6)
    other = torch.from_numpy(PIXELS[:1] // 2)
    expected = (PIXELS[:1] // 2 - PIXELS.mean(axis=0)) / 255
    np.testing.assert_allclose(inputs(other).permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


def test_a_resized_mean_is_the_mean_of_the_resized() -> None:
    blueprint = _blueprint("resnet18", normalise="mean-image", input_size=48)
    _, inputs = blueprint.build(PIXELS, 2, Seed.of(0))
    seen = inputs(torch.from_numpy(PIXELS))
    assert seen.shape == (5, 3, 48, 48)
    assert seen.mean(dim=0).abs().max() < 1e-6
    assert torch.equal(seen[:, 0], seen[:, 2])


def test_torchvision_networks_see_what_torchvision_wants() -> None:
    _, inputs = _blueprint("resnet18").build(COLOUR, 2, Seed.of(0))
    usual = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    expected = usual(torch.from_numpy(COLOUR).permute(0, 3, 1, 2) / 255)
    torch.testing.assert_close(inputs(torch.from_numpy(COLOUR)), expected)


@pytest.mark.parametrize("network", ["fridadar2018", "roglin2022"])
@pytest.mark.parametrize("pixels", [PIXELS, COLOUR], ids=["grey", "colour"])
def test_own_networks_take_the_channels_of_the_images(
    network: str, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    built, inputs = _blueprint(network).build(pixels, 4, Seed.of(0))
    seen = inputs(torch.from_numpy(pixels))
    assert seen.shape == (5, pixels.shape[3], pixels.shape[1], pixels.shape[1])
    assert built(seen).shape == (5, 4)


@pytest.mark.parametrize(("network", "side"), [("fridadar2018", 16), ("resnet18", 32)])
def test_images_that_are_too_small_are_enlarged(network: str, side: int) -> None:
    small = PIXELS[:, :8, :8]
    built, inputs = _blueprint(network).build(small, 2, Seed.of(0))
    assert inputs(torch.from_numpy(small)).shape[2:] == (side, side)
    assert built(inputs(torch.from_numpy(small))).shape == (5, 2)


@pytest.mark.parametrize("network", ["fridadar2018", "roglin2022", "resnet18"])
def test_start_weights_come_from_the_seed_alone(network: str) -> None:
    blueprint, before = _blueprint(network), torch.get_rng_state()
    built = [blueprint.build(COLOUR, 2, Seed.of(seed))[0].state_dict() for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
    for name in ("last.weight", next(iter(built[0]))):
        assert not torch.equal(built[0][name], built[2][name])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
    return path


def test_weights_of_a_file_get_a_new_last_layer(published: Path) -> None:
    blueprint, given = _blueprint("resnet18", weights=published), torch.load(published)
    networks = [blueprint.build(COLOUR, 2, Seed.of(seed))[0] for seed in (0, 1)]
    for network in networks:
        assert all(torch.equal(given[k], v) for k, v in network.body.state_dict().items())
        assert network.last.weight.shape == (2, 512)
    assert not torch.equal(networks[0].last.weight, networks[1].last.weight)
    with torch.no_grad():  # one network's training leaves the others as they are
        networks[0].body.conv1.weight.zero_()
    assert networks[1].body.conv1.weight.abs().sum() > 0
    assert torch.equal(
        blueprint.build(COLOUR, 2, Seed.of(2))[0].body.conv1.weight, given["conv1.weight"]
    )


def test_weights_of_another_network_are_refused_at_once(published: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit"):
        _blueprint("resnet34", weights=published)


def test_the_dropout_before_the_last_layer_stays() -> None:
    network, _ = _blueprint("efficientnet_v2_s").build(COLOUR, 3, Seed.of(0))
    assert network.dropout.p == 0.2
    assert (network.last.in_features, network.last.out_features) == (1280, 3)
    assert not any(isinstance(layer, nn.Linear) for layer in network.body.modules())
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_unknown_networks_get_a_suggestion() -> None:
    with pytest.raises(
        WeightsError, match=r"but got 'resnet19' \(did you mean 'resnet1[0-9]*'\?\)"
    ):
        _blueprint("resnet19")


def test_own_networks_have_no_published_weights(published: Path) -> None:
    with pytest.raises(WeightsError, match='weights must be "random" for network'):
        _blueprint("fridadar2018", weights=published)
