from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.errors import SourceError, StorageError
from augsearch.gan.discriminator import Discriminator, DiscriminatorDesign
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.gan.initial import built
from augsearch.seeds import Seed
from augsearch.sources.generators.networks import (
    read_discriminator,
    read_generator,
    write_network,
)
from augsearch.sources.generators.pool import ClassPools, GeneratorPool
from augsearch.sources.pools.kinds import UnlabelledPool

GENERATOR = built(
    Generator, GeneratorDesign(8, 1, 2, 4, 4, (4, 4), 4), Seed.of("weights").torch_generator()
).eval()
for parameter in GENERATOR.parameters():
    parameter.data.mul_(20)  # untrained images are nearly grey otherwise, and all alike


DISCRIMINATOR = built(
    Discriminator,
    DiscriminatorDesign(8, 1, 2, (4, 4), 4, "batch", 0.5),
    Seed.of("judge").torch_generator(),
).eval()
with torch.no_grad():
    for number, parameter in enumerate(DISCRIMINATOR.parameters()):
        parameter.copy_(
            torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
        )


def _pool(generator: Generator = GENERATOR, seed: int = 1) -> GeneratorPool:
    return GeneratorPool(generator, DISCRIMINATOR, Seed.of(seed), "cpu")


def test_pixels_follow_the_stated_seeds_and_rounding() -> None:
    rng = Seed.of(1, "pool", 1, 3).torch_generator()
    latent = torch.randn(64, 4, generator=rng)
    with torch.no_grad():
        images = GENERATOR(latent, torch.ones(64, dtype=torch.int64)).numpy()
    expected = np.rint((images.astype(np.float32) + 1) * np.float32(127.5)).astype(np.uint8)
    found = _pool().images(1, 192, 256)
    assert np.array_equal(found, expected.transpose(0, 2, 3, 1))
    assert found.std() > 20


@pytest.mark.parametrize("asked", [(2, 0, 1), (-1, 0, 1), (0, 5, 4), (0, -1, 4)])
def test_impossible_requests_are_refused(asked: tuple[int, int, int]) -> None:
    with pytest.raises(SourceError, match="must be"):
        _pool().images(*asked)


def test_a_generator_read_back_gives_the_same_images(tmp_path: Path) -> None:
    write_network(tmp_path / "g.safetensors", GENERATOR)
    back = read_generator(tmp_path / "g.safetensors")
    assert back.design == GENERATOR.design
    one, other = (_pool(g).images(0, 0, 5) for g in (GENERATOR, back))
    assert np.array_equal(one, other)


def test_a_file_without_a_generator_is_refused(tmp_path: Path) -> None:
    from augsearch.sources.generators.checkpoint import write_tensors

    write_tensors(tmp_path / "g.safetensors", {"a": torch.ones(1)}, {"iteration": 3})
    with pytest.raises(StorageError, match="delete it"):
        read_generator(tmp_path / "g.safetensors")


def test_realness_is_the_discriminators_logit_of_the_finished_images() -> None:
    pixels = torch.from_numpy(_pool().images(1, 0, 10)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = DISCRIMINATOR(pixels.float() / 127.5 - 1)[0]
    found = _pool().realness(1, 0, 10)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected.numpy(), rel=1e-4)
    assert found.std() > 0
    with pytest.raises(SourceError, match="must be"):
        _pool().realness(2, 0, 1)


@pytest.mark.parametrize("norm", ["batch", "spectral", "layer"])
def test_a_discriminator_read_back_gives_the_same_scores(tmp_path: Path, norm: str) -> None:
    design = DiscriminatorDesign(8, 1, 0, (4, 4), 4, norm, 0.5)
    discriminator = built(Discriminator, design, Seed.of("weights").torch_generator())
    discriminator(torch.ones(2, 1, 8, 8))  # moves what the norms keep
    write_network(tmp_path / "d.safetensors", discriminator)
    back = read_discriminator(tmp_path / "d.safetensors")
    assert back.design == design and not back.training
    one, other = (
        GeneratorPool(GENERATOR, d, Seed.of(1), "cpu").realness(0, 0, 5)
        for d in (discriminator.eval(), back)
    )
    assert np.array_equal(one, other)


def test_pools_of_classes_are_asked_by_class() -> None:
    one, other = _pool(seed=1), _pool(seed=2)
    pools = ClassPools([one, None, other], ("a", "b", "c"))
    assert np.array_equal(pools.images(2, 3, 9), other.images(0, 3, 9))
    assert np.array_equal(pools.realness(0, 3, 9), one.realness(0, 3, 9))
    with pytest.raises(SourceError, match="class 'b' is needed"):
        pools.images(1, 0, 1)
    for label in (-1, 3):
        with pytest.raises(SourceError, match="label must be below"):
            pools.images(label, 0, 1)


def test_a_pool_without_classes_gives_candidates_and_refuses_a_class() -> None:
    joint = UnlabelledPool(_pool())
    assert np.array_equal(joint.candidates(5, 70), _pool().images(0, 5, 70))
    with pytest.raises(SourceError, match=r"add select = .* strategy = \"per-class\""):
        joint.images(0, 0, 1)


@pytest.mark.usefixtures("like_apples_gpu")
def test_scores_need_no_float64_of_the_device() -> None:
    assert _pool().realness(1, 0, 5).dtype == np.float64
