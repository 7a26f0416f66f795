import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.gan.base import Gan
from augsearch.gan.create import create_gan
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.generators.generator import GeneratorSource
from augsearch.sources.generators.networks import read_discriminator, read_generator
from augsearch.sources.generators.pool import GeneratorPool
from augsearch.study.schema.generators import TRAINED, AcganOptions, TrainedOptions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]

SEED = Seed.of(0, "acgan")


def _train() -> LabelledImages:
    labels = np.arange(40) % 2
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 80, (40, 32, 32, 1), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[:, label * 16 : (label + 1) * 16] += 120
    return LabelledImages(pixels, labels, labels, tuple(map(str, range(40))), ("left", "right"))


def _fit(folder: Path, preset: str) -> Pool:
    settings = {"kind": "acgan", "preset": preset, "iterations": 300, "snapshot": "last"}
    options = AcganOptions.model_validate(settings)
    return GeneratorSource(options).fit(
        _train(), FitContext("acgan", 0, SEED, folder, device="cuda")
    )


@pytest.mark.parametrize("preset", ["small-data", "kong2022"])
def test_training_repeats_itself(tmp_path: Path, preset: str) -> None:
    one, other = _fit(tmp_path / "a", preset), _fit(tmp_path / "b", preset)
    assert np.array_equal(one.images(1, 0, 64), other.images(1, 0, 64))


def test_pools_agree_with_the_cpus_and_do_not_depend_on_the_range(tmp_path: Path) -> None:
    pool = _fit(tmp_path, "small-data")
    images = pool.images(1, 0, 200)
    assert np.array_equal(pool.images(1, 70, 75), images[70:75])
    generator = read_generator(tmp_path / "generator.safetensors")
    discriminator = read_discriminator(tmp_path / "discriminator.safetensors")
    on_cpu = GeneratorPool(generator, discriminator, SEED, "cpu")
    difference = on_cpu.images(1, 0, 200).astype(int) - images
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


def _options(kind: str, **settings: object) -> TrainedOptions:
    known = dict(zip(("acgan", "dcgan", "wgan"), TRAINED, strict=True))
    return known[kind].model_validate({"kind": kind} | settings)


def _game(options: TrainedOptions, graph: bool) -> Gan:
    game = create_gan(options, _train(), SEED, "cuda")
    if not graph:
        game._graph = None
    return game


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    ("kind", "preset"),
    [
        ("acgan", "small-data"),
        ("acgan", "kong2022"),
        ("acgan", "dhawan2024"),
        ("dcgan", "small-data"),
        ("wgan", "small-data"),
        ("wgan", "cheng2021"),
    ],
)
def test_a_replayed_iteration_is_an_eager_one(kind: str, preset: str, precision: str) -> None:
    options = _options(kind, preset=preset, precision=precision, batch_size=8, width=0.25)
    eager, graph = _game(options, False), _game(options, True)
    rng = torch.Generator("cuda")
    with torch.backends.cudnn.flags(enabled=True, deterministic=True):
        for iteration in range(1, 6):
            losses = []
            for game in (eager, graph):
                rng.manual_seed(SEED.child(iteration).integer())
                losses.append(game.step(iteration, rng))
            assert torch.allclose(*losses, rtol=1e-3, atol=1e-3)
    weights = [list(game.players.sampled.parameters()) for game in (eager, graph)]
    for one, other in zip(*weights, strict=True):
        assert torch.allclose(one, other, rtol=1e-2, atol=1e-4)


def test_capturing_changes_no_weight_and_no_optimiser() -> None:
    game = _game(_options("acgan", preset="kong2022"), True)
    before = {key: value.clone() for key, value in game.players.generator.state_dict().items()}
    assert game._graph is not None
    game._graph.capture(game.train)
    after = game.players.generator.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    for optimizer in game.optimizers.values():
        for entries in optimizer.state.values():
            assert all(not value.any() for value in entries.values())


def test_an_iteration_never_waits_for_the_device() -> None:
    game = _game(_options("acgan", preset="small-data"), True)
    rng = torch.Generator("cuda")
    game.step(1, rng.manual_seed(1))  # captures
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Synchronization debug mode")
            torch.cuda.set_sync_debug_mode("error")
        for iteration in range(2, 5):
            rng.manual_seed(iteration)
            game.step(iteration, rng)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()


def test_a_resumed_training_ends_with_the_same_images(tmp_path: Path) -> None:
    settings = {"kind": "acgan", "snapshot": "last", "checkpoint_every": 20}

    def fit(folder: Path, iterations: int) -> Pool:
        options = AcganOptions.model_validate(settings | {"iterations": iterations})
        return GeneratorSource(options).fit(
            _train(), FitContext("acgan", 0, SEED, folder, device="cuda")
        )

    undisturbed = fit(tmp_path / "a", 60)
    fit(tmp_path / "b", 20)
    for name in ("generator", "discriminator"):
        (tmp_path / "b" / f"{name}.safetensors").unlink()
    assert np.array_equal(fit(tmp_path / "b", 60).images(1, 0, 64), undisturbed.images(1, 0, 64))
