from typing import Any

import numpy as np
import pytest
import torch

from augsearch.errors import SourceError
from augsearch.gan.designs import designs
from augsearch.gan.discriminator import Discriminator, DiscriminatorDesign, Dropout
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.gan.initial import built
from augsearch.gan.spectral_norm import spectrally_normed
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions, DcganOptions, WganOptions

OPTIONS = {"acgan": AcganOptions, "dcgan": DcganOptions, "wgan": WganOptions}


def _designs(
    size: int, channels: int = 1, n_classes: int = 2, **settings: object
) -> tuple[GeneratorDesign, DiscriminatorDesign]:
    options = AcganOptions.model_validate({"kind": "acgan"} | settings)
    return designs(options, (size, size, channels), n_classes)


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
        (16, 1, 2, {"generator_filters": [8, 8], "label_layer": 2, "generator_dense_norm": True}),
        (16, 1, 2, {"generator_filters": [8, 8], "generator_output": "convolution"}),
    ],
)
def test_shapes(size: int, channels: int, n_classes: int, settings: dict[str, object]) -> None:
    for_generator, for_discriminator = _designs(size, channels, n_classes, **settings)
    generator = built(Generator, for_generator, _rng())
    discriminator = built(Discriminator, for_discriminator, _rng())
    labels = torch.arange(6) % n_classes
    images = generator(torch.randn(6, for_generator.latent_dim, generator=_rng()), labels)
    assert images.shape == (6, channels, size, size)
    assert images.abs().max() <= 1
    source, classes = discriminator(images, _rng())
    assert source.shape == (6,)
    assert classes.shape == (6, n_classes)


def _trained_shapes(network: torch.nn.Module) -> list[tuple[int, ...]]:
    """Weights of two and more dimensions, without those of norms."""
    return [tuple(value.shape) for value in network.parameters() if value.ndim > 1]


def _sides(network: torch.nn.Module, layers: torch.nn.Module, *inputs: torch.Tensor) -> list[int]:
    """Sides of the maps that the convolutions among `layers` take and the last one gives."""
    seen: list[int] = []
    for layer in layers.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            layer.register_forward_hook(
                lambda _, taken, given: seen.extend([taken[0].shape[2], given.shape[2]])
            )
    network(*inputs)
    return [*seen[::2], seen[-1]]


def _count(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def _published(
    kind: str, preset: str, size: int, channels: int, n_classes: int
) -> tuple[torch.nn.Module, torch.nn.Module]:
    options = OPTIONS[kind].model_validate({"kind": kind, "preset": preset})
    known = n_classes if kind == "acgan" else 0
    for_generator, for_discriminator = designs(options, (size, size, channels), known)
    return built(Generator, for_generator, _rng()), built(Discriminator, for_discriminator, _rng())


def test_the_layers_of_kong_2022() -> None:
    generator, discriminator = _published("acgan", "kong2022", 56, 3, 2)
    # 100 -> 7 x 7 x 384; a label, embedded in 50, as one more map; 5 x 5 kernels, 56 x 56 x 3.
    assert _trained_shapes(generator) == [
        (384 * 7 * 7, 100),
        (2, 50),
        (7 * 7, 50),
        (385, 192, 5, 5),
        (192, 96, 5, 5),
        (96, 3, 5, 5),
    ]
    biases, norms = 384 * 49 + 49 + 3, 2 * (192 + 96)
    weights = 384 * 49 * 100 + 100 + 49 * 50 + (385 * 192 + 192 * 96 + 96 * 3) * 25
    assert _count(generator) == weights + biases + norms
    label = torch.zeros(2, dtype=torch.int64)
    assert _sides(generator, generator.to_image, torch.ones(2, 100), label) == [7, 14, 28, 56]
    convolutions = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [32, 64, 128, 256]
    assert all(m.stride == (2, 2) and m.kernel_size == (3, 3) for m in convolutions)
    norms_of = [m.num_features for m in discriminator.modules() if _is_norm(m)]
    assert norms_of == [64, 128, 256]
    assert discriminator.source.in_features == 256 * 4 * 4
    assert {m.share for m in discriminator.modules() if isinstance(m, Dropout)} == {0.5}


def _is_norm(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.BatchNorm2d)


@pytest.mark.parametrize(
    ("kind", "preset", "channels"),
    [("dcgan", "fridadar2018", 1), ("wgan", "cheng2021", 3), ("wgan", "gulrajani2017", 3)],
)
def test_the_layers_of_frid_adar_2018_and_cheng_2021(kind: str, preset: str, channels: int) -> None:
    generator, discriminator = _published(kind, preset, 64, channels, 3)
    # A dense layer 4 x 4 x 1024 and four 5 x 5 transposed convolutions: 8, 16, 32, 64.
    assert _trained_shapes(generator) == [
        (4 * 4 * 1024, 100),
        (1024, 512, 5, 5),
        (512, 256, 5, 5),
        (256, 128, 5, 5),
        (128, channels, 5, 5),
    ]
    label = torch.zeros(2, dtype=torch.int64)
    latent = torch.ones(2, 100)
    assert _sides(generator, generator.to_image, latent, label) == [4, 8, 16, 32, 64]
    # Batch norm on every layer but the output.
    assert [m.num_features for m in generator.modules() if _is_norm(m)] == [1024, 512, 256, 128]
    assert isinstance(generator.to_image[-1], torch.nn.Tanh)
    assert _trained_shapes(discriminator) == [
        (64, channels, 5, 5),
        (128, 64, 5, 5),
        (256, 128, 5, 5),
        (512, 256, 5, 5),
        (1, 512 * 4 * 4),
    ]
    images = torch.ones(2, channels, 64, 64)
    assert _sides(discriminator, discriminator.layers, images) == [64, 32, 16, 8, 4]
    has_batch_norm = any(map(_is_norm, discriminator.modules()))
    assert has_batch_norm == (preset != "gulrajani2017")


def test_frid_adar_2018_draws_latent_vectors_from_a_uniform_distribution() -> None:
    generator, _ = _published("dcgan", "fridadar2018", 64, 1, 1)
    latents = generator.design.latents(2000, _rng())
    assert latents.shape == (2000, 100) and latents.abs().max() <= 1
    assert latents.std().item() == pytest.approx(3**-0.5, rel=0.02)


def test_the_layers_of_frid_adar_2018s_acgan() -> None:
    generator, discriminator = _published("acgan", "fridadar2018", 64, 1, 3)
    assert _trained_shapes(generator)[:4] == [(16384, 100), (3, 50), (16, 50), (1025, 512, 5, 5)]
    assert _trained_shapes(discriminator)[-2:] == [(1, 8192), (3, 8192)]


def test_the_layers_of_dhawan_2024() -> None:
    generator, discriminator = _published("acgan", "dhawan2024", 112, 3, 3)
    # A dense layer 7 x 7 x 1024, a label embedded in 50, four transposed convolutions.
    assert _trained_shapes(generator) == [
        (7 * 7 * 1024, 100),
        (3, 50),
        (7 * 7, 50),
        (1025, 512, 5, 5),
        (512, 256, 5, 5),
        (256, 128, 5, 5),
        (128, 3, 5, 5),
    ]
    label = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        sides = _sides(generator.eval(), generator.to_image, torch.ones(1, 100), label)
        assert sides == [7, 14, 28, 56, 112]
        source, classes = discriminator.eval()(torch.ones(1, 3, 112, 112))
    assert source.shape == (1,) and classes.shape == (1, 3)


def test_the_layers_of_roglin_2022() -> None:
    generator, _ = _published("acgan", "roglin2022", 64, 1, 3)
    # Three transposed convolutions and an output layer; the label joins at the third, whose maps
    # have a side of 32; batch norm before the output.
    assert _trained_shapes(generator) == [
        (256 * 8 * 8, 100),
        (3, 50),
        (32 * 32, 50),
        (256, 128, 5, 5),
        (128, 64, 5, 5),
        (65, 32, 5, 5),
        (1, 32, 5, 5),
    ]
    label = torch.zeros(2, dtype=torch.int64)
    latent = torch.ones(2, 100)
    assert _sides(generator, generator.to_image, latent, label) == [8, 16, 32, 64, 64]
    kinds = [type(layer).__name__ for layer in generator.to_image[-4:]]
    assert kinds == ["BatchNorm2d", "ReLU", "Conv2d", "Tanh"]


@pytest.mark.parametrize("preset", ["kong2022", "roglin2022", "small-data"])
def test_the_label_changes_the_image(preset: str) -> None:
    settings: dict[str, object] = {"preset": preset, "width": 0.1}
    design = _designs(32, **settings)[0]
    generator = built(Generator, design, _rng()).eval()
    latent = design.latents(1, _rng())
    with torch.no_grad():
        one, other = (generator(latent, torch.tensor([label])) for label in (0, 1))
    assert not torch.equal(one, other)


def test_a_network_without_classes_does_not_look_at_labels() -> None:
    design, for_discriminator = _designs(16, n_classes=0, width=0.1)
    generator = built(Generator, design, _rng()).eval()
    latent = design.latents(2, _rng())
    with torch.no_grad():
        assert torch.equal(
            generator(latent, torch.tensor([0, 1])), generator(latent, torch.tensor([9, 9]))
        )
    discriminator = built(Discriminator, for_discriminator, _rng())
    source, classes = discriminator(torch.ones(2, 1, 16, 16), _rng())
    assert source.shape == (2,) and classes.shape == (2, 0)


def test_layer_norm_looks_at_each_image_alone() -> None:
    design = _designs(16, width=0.1, discriminator_norm="layer")[1]
    discriminator = built(Discriminator, design, _rng())
    images = torch.randn(4, 1, 16, 16, generator=_rng())
    assert torch.allclose(discriminator(images)[0][:1], discriminator(images[:1])[0], atol=1e-6)


def test_a_size_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(SourceError, match=r"divisible by 8 .* got 30; choose 24 or 32"):
        built(Generator, _designs(30)[0], _rng())


def test_first_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    design, for_discriminator = _designs(16, width=0.1)
    one = built(Generator, design, _rng()).state_dict()
    other = built(Generator, design, _rng()).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    built(Discriminator, for_discriminator, _rng())
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
    dropout = built(Discriminator, design, _rng()).layers[2]
    ones = torch.ones(100, 100)
    kept = dropout(ones, _rng())
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropout.eval()(ones, _rng()), ones)


@pytest.fixture(params=["cpu", "mps"])
def random_bits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as on a device; on an MPS device a whole number of 64 bits has 32 random ones."""
    if request.param == "cpu":
        return
    draw = torch.Tensor.random_

    def widened(tensor: torch.Tensor, *given: Any, **options: Any) -> torch.Tensor:
        return draw(tensor, *given, **options).bitwise_right_shift_(32)

    monkeypatch.setattr(torch.Tensor, "random_", widened)
    monkeypatch.setattr("augsearch.gan.discriminator._DRAWS_64_BITS", ())


@pytest.mark.usefixtures("random_bits")
@pytest.mark.parametrize("share", [0.5, 0.3])
def test_dropout_leaves_out_its_share_and_keeps_the_mean(share: float) -> None:
    dropout = Dropout(share)
    maps = torch.ones(50, 7, 9, 11)
    seen = dropout(maps, _rng())
    assert seen.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
    assert seen.mean().item() == pytest.approx(1, abs=0.015)
    for axis in range(4):  # no direction in which values fall out together
        others = [other for other in range(4) if other != axis]
        assert (seen.mean(others) - 1).abs().max() < 0.15
    pairs = (seen == 0).double().flatten()
    assert (pairs[1:] * pairs[:-1]).mean().item() == pytest.approx(share**2, abs=0.01)
    assert torch.equal(seen, dropout(maps, _rng()))
    assert dropout(maps.bfloat16(), _rng()).dtype == torch.bfloat16
    assert torch.equal(dropout.eval()(maps, _rng()), maps)
