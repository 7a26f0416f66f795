import numpy as np
import pytest
import torch

from augsearch.errors import SourceError
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.gan.acgan_step import designs
from augsearch.sources.gan.networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    built_discriminator,
    built_generator,
)
from augsearch.sources.gan.spectral_norm import spectrally_normed
from augsearch.study.schema.sources import AcganOptions


def _designs(
    size: int, channels: int = 1, n_classes: int = 2, **settings: object
) -> tuple[GeneratorDesign, DiscriminatorDesign]:
    options = AcganOptions.model_validate({"kind": "acgan"} | settings)
    labels = np.arange(n_classes)
    images = LabelledImages(
        pixels=np.zeros((n_classes, size, size, channels), np.uint8),
        labels=labels,
        groups=labels,
        names=tuple(map(str, labels)),
        classes=tuple(map(str, labels)),
    )
    return designs(options, images)


def _rng() -> torch.Generator:
    return Seed.of("weights").torch_generator()


@pytest.mark.parametrize(
    ("size", "channels", "n_classes", "settings"),
    [
        (32, 1, 2, {"width": 0.1}),
        (8, 3, 5, {"width": 0.1}),
        (56, 3, 2, {"preset": "kong2022", "width": 0.05}),
        (24, 1, 3, {"width": 0.001, "generator_kernel": 2, "discriminator_kernel": 2}),
        (8, 1, 2, {"width": 0.05, "generator_kernel": 9, "discriminator_kernel": 9}),
        (8, 1, 2, {"discriminator_filters": [4] * 6, "width": 0.1}),
        (8, 1, 2, {"discriminator_filters": [4] * 6, "discriminator_kernel": 2, "width": 0.1}),
        (64, 1, 2, {"generator_filters": [8, 8, 8, 8], "generator_kernel": 3}),
    ],
)
def test_shapes(size: int, channels: int, n_classes: int, settings: dict[str, object]) -> None:
    for_generator, for_discriminator = _designs(size, channels, n_classes, **settings)
    generator = built_generator(for_generator, _rng())
    discriminator = built_discriminator(for_discriminator, _rng())
    labels = torch.arange(6) % n_classes
    images = generator(torch.randn(6, for_generator.latent_dim, generator=_rng()), labels)
    assert images.shape == (6, channels, size, size)
    assert images.abs().max() <= 1
    source, classes = discriminator(images, _rng())
    assert source.shape == (6,)
    assert classes.shape == (6, n_classes)


def test_the_layers_of_kong_2022() -> None:
    for_generator, for_discriminator = _designs(56, 3, preset="kong2022")
    generator = built_generator(for_generator, _rng())
    weights = {name: tuple(value.shape) for name, value in generator.named_parameters()}
    assert weights["from_latent.0.weight"] == (384 * 7 * 7, 100)
    assert weights["from_label.0.weight"] == (2, 50)
    assert weights["from_label.1.weight"] == (7 * 7, 50)
    assert [shape for shape in weights.values() if len(shape) == 4] == [
        (385, 192, 5, 5),
        (192, 96, 5, 5),
        (96, 3, 5, 5),
    ]
    discriminator = built_discriminator(for_discriminator, _rng())
    convolutions = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [32, 64, 128, 256]
    assert all(m.stride == (2, 2) and m.kernel_size == (3, 3) for m in convolutions)
    norms = [m for m in discriminator.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m.num_features for m in norms] == [64, 128, 256]
    assert discriminator.source.in_features == 256 * 4 * 4


def test_a_size_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(SourceError, match=r"divisible by 8 .* got 30; choose 24 or 32"):
        built_generator(_designs(30)[0], _rng())


def test_first_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    design, for_discriminator = _designs(16, width=0.1)
    one = built_generator(design, _rng()).state_dict()
    other = built_generator(design, _rng()).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    built_discriminator(for_discriminator, _rng())
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(value.isfinite().all() for value in one.values())


def test_spectral_norm_converges_to_the_largest_singular_value() -> None:
    layer = spectrally_normed(torch.nn.Conv2d(3, 8, 4))
    original = layer.get_parameter("parametrizations.weight.original")
    with torch.no_grad():
        original.normal_(generator=_rng())
    for _ in range(200):
        weight = layer.weight
    expected = np.linalg.svd(original.detach().numpy().reshape(8, -1), compute_uv=False)[0]
    assert torch.allclose(weight, original / float(expected), rtol=1e-4)
    layer.eval()
    assert torch.equal(layer.weight, layer.weight)


def test_spectral_norm_passes_the_gradient_of_its_scale() -> None:
    # The normed weight does not change with the scale of the original: no gradient along it.
    layer = spectrally_normed(torch.nn.Linear(6, 4))
    for _ in range(200):
        weight = layer.weight
    weight.sum().backward()
    original = layer.get_parameter("parametrizations.weight.original")
    assert original.grad is not None
    along = (original.grad * original).sum().abs()
    assert along < 1e-4 * original.grad.norm() * original.norm()


def test_dropout_leaves_out_the_stated_share_in_training_only() -> None:
    design = _designs(32, preset="kong2022", width=0.1)[1]
    dropout = built_discriminator(design, _rng()).layers[2]
    ones = torch.ones(100, 100)
    kept = dropout(ones, _rng())
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropout.eval()(ones, _rng()), ones)
