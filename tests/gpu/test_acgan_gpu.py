from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.generator import GeneratorSource
from augsearch.sources.generators.networks import read_discriminator, read_generator
from augsearch.sources.generators.pool import GeneratorPool
from augsearch.study.schema.generators import AcganOptions

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
