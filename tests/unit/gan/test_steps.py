import pytest
import torch

from augsearch.errors import SourceError
from augsearch.gan.acgan_step import AcganStep
from augsearch.gan.create import create_gan
from augsearch.gan.dcgan_step import DcganStep
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
