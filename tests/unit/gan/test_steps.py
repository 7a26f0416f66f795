import gc
import weakref
from types import SimpleNamespace

import pytest
import torch

from augsearch.errors import SourceError
from augsearch.gan.acgan_step import AcganStep
from augsearch.gan.base import Gan
from augsearch.gan.create import create_gan
from augsearch.gan.dcgan_step import DcganStep
from augsearch.gan.players import RealImages
from augsearch.gan.wgan_step import WganStep
from augsearch.seeds import Seed
from augsearch.study.schema.generators import (
    AcganOptions,
    DcganOptions,
    TrainedOptions,
    WganOptions,
)
from augsearch.testing.images import toy_images

KINDS: dict[str, type[TrainedOptions]] = {
    "acgan": AcganOptions,
    "dcgan": DcganOptions,
    "wgan": WganOptions,
}
SEED = Seed.of(0, "step")


def _gan(
    kind: str, counts: tuple[int, ...] = (6, 4), **settings: object
) -> AcganStep | DcganStep | WganStep:
    small: dict[str, object] = {"kind": kind, "width": 0.1, "batch_size": 4}
    options = KINDS[kind].model_validate(small | settings)
    return create_gan(options, toy_images(counts), SEED, "cpu")


def _weights(network: torch.nn.Module) -> list[torch.Tensor]:
    """All but biases and norms: the gradient of a logit's bias may be 0."""
    return [value.detach().clone() for value in network.parameters() if value.ndim > 1]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_step_trains_both_networks_and_gives_its_losses(kind: str, optimizer: str) -> None:
    before = torch.random.get_rng_state()
    gan = _gan(kind, optimizer=optimizer)
    networks = [gan.players.generator, gan.players.discriminator]
    first = [_weights(network) for network in networks]
    losses = gan.step(1, SEED.torch_generator())
    assert losses.shape == (len(gan.loss_names),)
    assert losses.isfinite().all() and not losses.requires_grad
    for network, weights in zip(networks, first, strict=True):
        changed = [
            not torch.equal(old, new) for old, new in zip(weights, _weights(network), strict=True)
        ]
        assert all(changed)
    assert torch.equal(before, torch.random.get_rng_state())
    assert {type(one).__name__.lower() for one in gan.optimizers.values()} == {optimizer}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_step_depends_on_its_generator_alone(kind: str) -> None:
    one, other = _gan(kind), _gan(kind)
    torch.rand(5)
    for iteration in (1, 2):
        rngs = [SEED.child(iteration).torch_generator() for _ in range(2)]
        assert torch.equal(one.step(iteration, rngs[0]), other.step(iteration, rngs[1]))
    assert not torch.equal(
        one.step(3, SEED.child(3).torch_generator()), other.step(3, SEED.child(4).torch_generator())
    )


def _plain_and_lowered(monkeypatch: pytest.MonkeyPatch, kind: str) -> list[Gan]:
    monkeypatch.setattr("augsearch.device.has_bf16", lambda device: True)  # emulated elsewhere
    once = {"critic_steps": 1} if kind == "wgan" else {}  # a second one follows an update
    return [_gan(kind, precision=precision, **once) for precision in ("float32", "bf16")]


@pytest.mark.parametrize("kind", list(KINDS))
def test_bf16_keeps_weights_and_losses_in_float32_and_agrees(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    plain, lowered = _plain_and_lowered(monkeypatch, kind)
    assert (plain.precision, lowered.precision) == ("float32", "bf16")
    losses = [gan.step(1, SEED.torch_generator()) for gan in (plain, lowered)]
    assert losses[1].dtype == torch.float32
    assert not torch.equal(losses[0], losses[1])
    assert torch.allclose(losses[0], losses[1], rtol=0.02, atol=0.02)
    state = [value for module in lowered.modules.values() for value in module.state_dict().values()]
    assert {value.dtype for value in state if value.is_floating_point()} == {torch.float32}


def test_the_layers_compute_in_bf16_and_answers_are_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, gan = _plain_and_lowered(monkeypatch, "acgan")
    seen: list[torch.dtype] = []
    for network in (gan.players.generator, gan.players.discriminator):
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                layer.register_forward_hook(lambda *io: seen.append(io[2].dtype))
    rng = SEED.torch_generator()
    images = gan.players.made(torch.tensor([0, 1]), rng)
    source, classes = gan.players.judged(images, rng)
    assert set(seen) == {torch.bfloat16} and len(seen) == 6
    assert {part.dtype for part in (images, source, classes)} == {torch.float32}


@pytest.mark.parametrize("norm", ["spectral", "layer", "batch"])
def test_real_and_synthetic_are_judged_as_if_apart(norm: str) -> None:
    gan = _gan("dcgan", discriminator_norm=norm, precision="float32")
    rng = SEED.torch_generator()
    real, synthetic = torch.rand(2, 4, 1, 16, 16, generator=rng)
    synthetic = synthetic * 0.2
    if norm == "spectral":
        gan.players.discriminator.eval()  # no power iteration in between
    together = gan.players.judged_both(real, synthetic, rng)
    apart = gan.players.judged(real, rng), gan.players.judged(synthetic, rng)
    for one, other in zip(together, apart, strict=True):
        assert torch.allclose(one.source, other.source, atol=1e-6)


def test_networks_work_in_channels_last_without_a_copy_between_layers() -> None:
    gan = _gan("acgan", precision="float32")
    strides: list[bool] = []
    for network in (gan.players.generator, gan.players.discriminator):
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.BatchNorm2d | torch.nn.LeakyReLU):
                layer.register_forward_hook(
                    lambda *io: strides.append(
                        io[2].is_contiguous(memory_format=torch.channels_last)
                    )
                )
    rng = SEED.torch_generator()
    features = gan.players.discriminator.features(gan.players.made(torch.tensor([0, 1]), rng))
    assert strides and all(strides)
    assert features.is_contiguous()


def test_balanced_batches_draw_the_classes_alike_and_others_the_images() -> None:
    train = toy_images((90, 10))
    for balanced, share in ((True, 0.5), (False, 0.1)):
        images = RealImages(train, "cpu", balanced)
        pixels, labels = images.draw(20_000, SEED.torch_generator())
        assert labels.float().mean().item() == pytest.approx(share, abs=0.015)
        assert pixels.dtype == torch.float32
        assert pixels.min() >= -1 and pixels.max() <= 1
        drawn = ((pixels + 1) * 127.5).round().to(torch.uint8)
        known = {image.tobytes() for image in train.pixels}
        assert {one.permute(1, 2, 0).numpy().tobytes() for one in drawn[:500]} <= known


def test_an_acgan_of_one_class_has_no_class_loss() -> None:
    gan = _gan("acgan", counts=(5,))
    losses = dict(zip(gan.loss_names, gan.step(1, SEED.torch_generator()).tolist(), strict=True))
    assert losses["discriminator_class"] == losses["generator_class"] == 0
    assert losses["discriminator_source"] != 0


def test_clipped_weights_stay_within_the_limit() -> None:
    gan = _gan("wgan", preset="cheng2021", width=0.01, discriminator_learning_rate=0.1)
    losses = gan.step(1, SEED.torch_generator())
    largest = max(p.abs().max().item() for p in gan.players.discriminator.parameters())
    assert largest == pytest.approx(0.01)
    assert losses[1] == 0  # no penalty


def test_the_critic_is_trained_so_many_times_for_each_generator_step() -> None:
    for steps in (1, 3):
        gan = _gan("wgan", critic_steps=steps)
        for iteration in (1, 2):
            gan.step(iteration, SEED.torch_generator())
        taken = {
            name: {int(entry["step"]) for entry in optimizer.state.values()}
            for name, optimizer in gan.optimizers.items()
        }
        assert taken == {"generator": {2}, "discriminator": {2 * steps}}


def test_the_penalty_brings_the_slope_towards_one() -> None:
    settings = {"gradient_penalty": 1000.0, "critic_steps": 30, "discriminator_learning_rate": 1e-3}
    gan = _gan("wgan", **settings)
    penalties = [gan.step(i, SEED.child(i).torch_generator())[1].item() for i in range(1, 4)]
    assert penalties[-1] < 0.25 * 1000  # from a slope of nearly 0, where it is 1000


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_size_that_cannot_be_halved_often_enough_is_refused(kind: str) -> None:
    options = KINDS[kind].model_validate({"kind": kind})
    with pytest.raises(SourceError, match=r"divisible by 8 .* got 20; choose 16 or 24"):
        create_gan(options, toy_images(size=20), SEED, "cpu")


def test_a_gan_with_a_graph_is_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # In a circle of references its memory on the GPU would stay until Python looks for garbage.
    on_gpu = SimpleNamespace(device=lambda name: SimpleNamespace(type="cuda"))
    monkeypatch.setattr("augsearch.gan.base.torch", on_gpu)
    gan = _gan("acgan")
    assert gan._graph is not None
    left = weakref.ref(gan)
    gc.disable()
    try:
        del gan
        assert left() is None
    finally:
        gc.enable()
