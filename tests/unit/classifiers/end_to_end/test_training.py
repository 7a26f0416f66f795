import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from augsearch.classifiers.end_to_end.network import Network
from augsearch.classifiers.end_to_end.training import Examples, Training
from augsearch.classifiers.network_inputs import Inputs, Transform
from augsearch.errors import DivergedError
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.testing.images import toy_images

SEED = Seed.of(5, "cell")
INPUTS = Inputs(8, Transform(1, (0.5,), (0.25,)))


def _network(dropout: float = 0.0) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten())
        return Network(body, nn.Linear(108, 2), dropout)


def _examples(seed: int = 0, counts: tuple[int, int] = (7, 6)) -> Examples:
    images = toy_images(counts, 8, seed=seed)
    return Examples(images.pixels, images.labels)


def _train(
    network: Network, tune: Examples | None = None, **settings: object
) -> dict[str, list[float]]:
    options = EndToEndOptions(
        **{"kind": "end-to-end", "network": "fridadar2018", "batch_size": 4, "epochs": 3}
        | {"precision": "float32"}
        | settings
    )
    training = Training(network, INPUTS, options, seed=SEED, device="cpu")
    return training.run(_examples(), tune, lambda done: None)


def _sgd(weights: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
    velocity = 0.8 * memory[0] + gradient
    memory[0] = velocity
    return weights - 0.01 * (gradient + 0.8 * velocity)


def _adam(weights: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
    memory[0] = 0.9 * memory[0] + 0.1 * gradient
    memory[1] = 0.999 * memory[1] + 0.001 * gradient**2
    mean, square = memory[0] / (1 - 0.9**step), memory[1] / (1 - 0.999**step)
    return weights - 0.01 * mean / (square.sqrt() + 1e-8)


def _rmsprop(weights: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
    memory[0] = 0.99 * memory[0] + 0.01 * gradient**2
    return weights - 0.01 * gradient / (memory[0].sqrt() + 1e-8)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("rule", [_sgd, _adam, _rmsprop])
def test_steps_are_those_of_a_plain_loop(rule: object, decay: float) -> None:
    network = _network()
    plain = copy.deepcopy(network).double()
    examples = _examples()
    x = torch.from_numpy((examples.pixels / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    y = torch.from_numpy(examples.labels)
    memory = [[torch.zeros_like(w), torch.zeros_like(w)] for w in plain.parameters()]
    step, losses = 0, []
    for epoch in range(3):
        order = SEED.child("batches", epoch).generator().permutation(13)
        total = 0.0
        for rows in (order[:4], order[4:8], order[8:]):  # 13 = 4 + 4 + (4 + 1)
            step += 1
            plain.zero_grad()
            scores = plain.last(plain.body(x[rows]))
            loss = -torch.log_softmax(scores, 1)[range(len(rows)), y[rows]].mean()
            loss.backward()
            total += loss.item() * len(rows)
            with torch.no_grad():
                for weights, own in zip(plain.parameters(), memory, strict=True):
                    gradient = weights.grad + decay * weights
                    weights.copy_(rule(weights, gradient, own, step))
        losses.append(total / 13)
    name = {_sgd: "sgd", _adam: "adam", _rmsprop: "rmsprop"}[rule]
    curve = _train(network, optimizer=name, learning_rate=0.01, momentum=0.8, weight_decay=decay)
    assert curve["training loss"] == pytest.approx(losses, abs=1e-5)
    for found, expected in zip(network.parameters(), plain.parameters(), strict=True):
        tolerance = 1e-6 if rule is _sgd else 2e-5  # the others divide by small roots
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance)


def test_sgd_without_momentum_is_plain_descent() -> None:
    curve = _train(_network(), optimizer="sgd", momentum=0.0, learning_rate=0.1)
    assert curve["training loss"][-1] < curve["training loss"][0]


def test_the_tuning_curve_is_that_of_the_network_at_the_end_of_each_epoch() -> None:
    tune, network = _examples(1), _network(dropout=0.5)
    curve = _train(network, tune, learning_rate=1e-2)
    assert {name: len(values) for name, values in curve.items()} == {
        "training loss": 3,
        "tuning loss": 3,
        "tuning accuracy": 3,
    }
    network.eval()
    with torch.no_grad():
        scores = network(INPUTS(torch.from_numpy(tune.pixels)))
    loss = nn.functional.cross_entropy(scores, torch.from_numpy(tune.labels)).item()
    assert curve["tuning loss"][-1] == pytest.approx(loss, abs=1e-6)
    right = (scores.argmax(1).numpy() == tune.labels).mean()
    assert curve["tuning accuracy"][-1] == right


def test_looking_at_a_tuning_set_changes_nothing() -> None:
    alone, watched = _network(0.5), _network(0.5)
    first = _train(alone, learning_rate=1e-2)
    second = _train(watched, _examples(1), learning_rate=1e-2)
    assert first["training loss"] == second["training loss"]
    for one, other in zip(alone.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_goes_back_to_the_best_epoch() -> None:
    # Tuning labels the wrong way round: what is learnt makes their loss rise, sooner or later.
    wrong = Examples(_examples(1).pixels, 1 - _examples(1).labels)
    settings = {"learning_rate": 3e-3, "optimizer": "sgd"}
    stopped, straight = _network(0.5), _network(0.5)
    curve = _train(stopped, wrong, epochs=30, patience=4, **settings)
    losses = curve["tuning loss"]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 4 < 30
    _train(straight, epochs=best, **settings)
    for one, other in zip(stopped.parameters(), straight.parameters(), strict=True):
        assert torch.equal(one, other)


def test_patience_without_a_tuning_set_takes_the_last_epoch() -> None:
    patient, plain = _network(), _network()
    assert _train(patient, patience=1) == _train(plain)
    for one, other in zip(patient.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_training_that_diverges_says_what_to_do() -> None:
    message = "the training loss must stay finite but is .* in epoch 2; lower learning_rate, now 1e"
    network = _network()
    with pytest.raises(DivergedError, match=message):
        network.body[1] = nn.Identity()  # nothing bounds what the last layer sees
        _train(network, optimizer="sgd", learning_rate=1e25, batch_size=64)
    network = _network()
    with pytest.raises(DivergedError, match="every weight must stay finite"):
        nn.init.constant_(network.last.weight, 1e30)
        _train(network, optimizer="sgd", learning_rate=1e20, epochs=1, batch_size=64)


def test_bf16_trains_like_float32_but_for_its_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augsearch.device.has_bf16", lambda device: True)  # emulated without it
    exact, rounded = _network(), _network()
    settings = {"optimizer": "sgd", "learning_rate": 0.02}
    expected = _train(exact, **settings)["training loss"]
    found = _train(rounded, precision="bf16", **settings)["training loss"]
    assert found != expected
    assert found == pytest.approx(expected, rel=0.02)
    assert {weights.dtype for weights in rounded.parameters()} == {torch.float32}


@pytest.mark.usefixtures("like_apples_gpu")
def test_nothing_needs_float64_of_the_device() -> None:
    assert len(_train(_network(), _examples(seed=1))["training loss"]) == 3
