from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.errors import SourceError, StorageError
from augsearch.seeds import Seed
from augsearch.sources.gan.networks import GeneratorDesign, built_generator
from augsearch.sources.gan.pool import GeneratorPool, read_generator, write_generator

GENERATOR = built_generator(
    GeneratorDesign(8, 1, 2, 4, 0.5, 4, (4, 4), 4), Seed.of("weights").torch_generator()
).eval()
for parameter in GENERATOR.parameters():
    parameter.data.mul_(20)  # untrained images are nearly grey otherwise, and all alike


def test_pixels_follow_the_stated_seeds_and_rounding() -> None:
    rng = Seed.of(1, "pool", 1, 3).torch_generator()
    latent = torch.randn(64, 4, generator=rng) * 0.5
    with torch.no_grad():
        images = GENERATOR(latent, torch.ones(64, dtype=torch.int64)).numpy()
    expected = np.rint((images.astype(np.float32) + 1) * np.float32(127.5)).astype(np.uint8)
    found = GeneratorPool(GENERATOR, Seed.of(1), "cpu").images(1, 192, 256)
    assert np.array_equal(found, expected.transpose(0, 2, 3, 1))
    assert found.std() > 20


@pytest.mark.parametrize("asked", [(2, 0, 1), (-1, 0, 1), (0, 5, 4), (0, -1, 4)])
def test_impossible_requests_are_refused(asked: tuple[int, int, int]) -> None:
    with pytest.raises(SourceError, match="must be"):
        GeneratorPool(GENERATOR, Seed.of(1), "cpu").images(*asked)


def test_a_generator_read_back_gives_the_same_images(tmp_path: Path) -> None:
    write_generator(tmp_path / "g.safetensors", GENERATOR)
    back = read_generator(tmp_path / "g.safetensors")
    assert back.design == GENERATOR.design
    one, other = (GeneratorPool(g, Seed.of(1), "cpu").images(0, 0, 5) for g in (GENERATOR, back))
    assert np.array_equal(one, other)


def test_a_file_without_a_generator_is_refused(tmp_path: Path) -> None:
    from augsearch.sources.gan.checkpoint import write_tensors

    write_tensors(tmp_path / "g.safetensors", {"a": torch.ones(1)}, {"iteration": 3})
    with pytest.raises(StorageError, match="delete it"):
        read_generator(tmp_path / "g.safetensors")
