import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def gan(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gan")


@pytest.mark.parametrize("preset", ["small-data", "kong2022"])
def test_the_textbook_trains_networks_of_the_same_size(gan: ModuleType, preset: str) -> None:
    images = gan.noise_images(*gan.STUDIES[preset][:3])
    own = gan.own(preset, "float32", "cpu").players
    plain = gan.textbook_gan.Textbook(gan.options_of(preset, "float32"), images, "cpu")
    for one, other in ((own.generator, plain.generator), (own.discriminator, plain.discriminator)):
        sizes = [sorted(p.numel() for p in network.parameters()) for network in (one, other)]
        assert sizes[0] == sizes[1]


def test_each_variant_is_what_it_is_called(gan: ModuleType) -> None:
    for memory, strides in (("contiguous", (512, 16, 4, 1)), ("channels_last", (512, 1, 128, 32))):
        players = gan.variant("small-data", "eager", "float32", memory, "cpu").players
        weight = players.discriminator.layers[3].parametrizations.weight.original
        assert weight.stride() == strides
        assert players.precision == "float32"


def test_a_textbook_iteration_trains_both_networks(gan: ModuleType) -> None:
    torch.manual_seed(0)
    options = gan.options_of("small-data", "float32")
    plain = gan.textbook_gan.Textbook(options, gan.noise_images(20, 32, 1), "cpu")
    before = [p.detach().clone() for p in plain.discriminator.parameters()]
    plain.steps(2)()
    assert {int(state["step"]) for state in plain.optimizer_g.state.values()} == {2}
    assert not all(map(torch.equal, before, [p.detach() for p in plain.discriminator.parameters()]))
    images = torch.arange(64.0).view(1, 1, 8, 8)
    moved = gan.textbook_gan.augmented(images, ["translation"])
    assert moved.shape == images.shape
    shared = moved[moved != 0]
    assert set(shared.tolist()) <= set(images.flatten().tolist()) and len(shared) >= 48
