import pytest
import torch

from augsearch.gan.average import average_towards, calibrated
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.gan.initial import built
from augsearch.seeds import Seed

DESIGN = GeneratorDesign(16, 1, 3, 8, 4, (8, 6), 4)


def _generator(number: int = 0) -> Generator:
    return built(Generator, DESIGN, Seed.of("weights", number).torch_generator())


def test_average_is_the_weighted_mean_with_a_warm_up() -> None:
    average, current = _generator(0), _generator(1)
    expected = {
        name: (2 / 11) * value.detach() + (9 / 11) * current.get_parameter(name).detach()
        for name, value in average.named_parameters()
    }
    average_towards(average, current, decay=0.99, iteration=1)
    for name, value in average.named_parameters():
        assert torch.allclose(value, expected[name], atol=1e-6)


def test_the_decay_is_reached_and_not_passed() -> None:
    average, current = _generator(0), _generator(1)
    before = average.from_latent[0].weight.detach().clone()
    average_towards(average, current, decay=0.9, iteration=10_000)
    expected = 0.9 * before + 0.1 * current.from_latent[0].weight
    assert torch.allclose(average.from_latent[0].weight, expected, atol=1e-6)


def test_calibrated_statistics_are_those_of_its_own_images() -> None:
    generator = _generator()
    for buffer in generator.buffers():
        buffer.fill_(7)  # what a training may have left
    sampled = calibrated(generator, Seed.of("statistics"))
    assert not sampled.training
    assert generator.training and generator.to_image[1].running_mean[0] == 7

    rng = Seed.of("other").torch_generator()
    latent = torch.randn(6000, 8, generator=rng)
    labels = torch.arange(6000) % 3
    with torch.no_grad():
        maps = torch.cat([generator.from_latent(latent), generator.from_label(labels)], 1)
        maps = generator.to_image[0](maps)
    norm = sampled.to_image[1]
    assert torch.allclose(norm.running_mean, maps.mean((0, 2, 3)), atol=0.01 * maps.std().item())
    assert torch.allclose(norm.running_var, maps.var((0, 2, 3)), rtol=0.1)


def test_calibration_depends_on_weights_and_seed_alone() -> None:
    one, other = calibrated(_generator(), Seed.of(1)), calibrated(_generator(), Seed.of(1))
    assert torch.equal(one.to_image[1].running_var, other.to_image[1].running_var)
    different = calibrated(_generator(), Seed.of(2))
    assert one.to_image[1].running_var.sum().item() != pytest.approx(
        different.to_image[1].running_var.sum().item(), rel=1e-7
    )
