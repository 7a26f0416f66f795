"""Epochs per second of end-to-end classifiers against a textbook PyTorch loop.

    python benchmarks/end_to_end.py            (some minutes on two cores)
    python benchmarks/end_to_end.py --quick    (some seconds; no results file)

Each network trains as its study says, on random images of that study's size: a ResNet-18 and a
DenseNet-121 as Cheng et al. 2021 train theirs. The textbook loop is the one of PyTorch's tutorials:
a TensorDataset of float32 images, normalised beforehand, a DataLoader that shuffles it, float32,
eager, losses and tuning set looked at once per epoch. Both see the same images with the same
optimiser, mini-batches of the same size, and the same tuning set after each epoch. The textbook
loop's network and images are ready before it is timed, over a tenth of the epochs, as all of them
take the same.

The second table asks whether several small networks train faster side by side than one after the
other: see `stacked_networks.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from measure import interleaved, machine, record, table
from stacked_networks import CASES as STACKED
from stacked_networks import WAYS, stacked_networks
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from augsearch.classifiers.end_to_end.blueprint import Blueprint
from augsearch.classifiers.end_to_end.precision import training_precision
from augsearch.classifiers.end_to_end.training import Examples, Training
from augsearch.device import pick_device
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions

SEED = Seed.of("benchmark")
CLASSES = 3


@dataclass(frozen=True)
class Case:
    """A network with a study's settings and the images of that study."""

    name: str
    settings: dict[str, Any]
    size: int
    channels: int

    def options(self, epochs: int, precision: str) -> EndToEndOptions:
        return EndToEndOptions.model_validate(
            {"kind": "end-to-end", **self.settings, "epochs": epochs, "precision": precision}
        )

    def examples(self, n_images: int, seed: int) -> Examples:
        random = np.random.default_rng(seed)
        shape = (n_images, self.size, self.size, self.channels)
        pixels = random.integers(0, 256, shape, dtype=np.uint8)
        return Examples(pixels, random.integers(0, CLASSES, n_images))


CASES = (
    Case("CNN of Frid-Adar 2018", {"preset": "fridadar2018"}, 64, 1),
    Case("ResNet-18", {"preset": "cheng2021", "network": "resnet18", "weights": "random"}, 64, 3),
    Case(
        "DenseNet-121",
        {"preset": "cheng2021", "network": "densenet121", "weights": "random"},
        64,
        3,
    ),
)


def ours(
    case: Case, train: Examples, tune: Examples, options: EndToEndOptions, device: str
) -> None:
    """Train as augsearch does."""
    network, inputs = Blueprint(options).build(train.pixels, CLASSES, SEED)
    training = Training(network, inputs.to(device), options, seed=SEED, device=device)
    training.run(train, tune, lambda done: None)


def textbook(train: TensorDataset, tune: TensorDataset, network: nn.Module, case: Case,
             epochs: int, device: str) -> None:  # fmt: skip
    """Train as PyTorch's tutorials do."""
    options = case.options(epochs, "float32")
    network.to(device)
    if options.optimizer == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            network.parameters(), lr=options.learning_rate, momentum=options.momentum, nesterov=True
        )
    else:
        optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    loader = DataLoader(train, batch_size=options.batch_size, shuffle=True)
    tuning_loader = DataLoader(tune, batch_size=options.batch_size)
    for _ in range(epochs):
        network.train()
        total = 0.0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        network.eval()
        with torch.no_grad():
            for images, labels in tuning_loader:
                scores = network(images.to(device))
                functional.cross_entropy(scores, labels.to(device)).item()


def tasks_of(
    case: Case, n_images: int, epochs: dict[str, int], device: str
) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: so many epochs each, ours from fresh weights."""
    train, tune = case.examples(n_images, 0), case.examples(n_images // 7, 1)
    exact, own = (case.options(epochs[name], name) for name in ("float32", "auto"))
    network, inputs = Blueprint(exact).build(train.pixels, CLASSES, SEED)
    sets = [
        TensorDataset(
            inputs(torch.from_numpy(some.pixels)).contiguous(), torch.from_numpy(some.labels)
        )
        for some in (train, tune)
    ]
    return {
        "textbook": lambda: textbook(*sets, network, case, epochs["textbook"], device),
        "float32": lambda: ours(case, train, tune, exact, device),
        "auto": lambda: ours(case, train, tune, own, device),
    }


def epochs_per_second(
    case: Case, n_images: int, epochs: int, repeats: int, device: str
) -> dict[str, Any]:
    """Return epochs/s of the three ways to train one network."""
    counts = {"textbook": -(-epochs // 10), "float32": epochs, "auto": epochs}
    seconds = interleaved(tasks_of(case, n_images, counts, device), repeats)
    rates = {name: counts[name] / taken for name, taken in seconds.items()}
    options = case.options(epochs, "auto")
    blank = case.examples(2, 0).pixels
    network, _ = Blueprint(options).build(blank, CLASSES, SEED)
    return {
        "network": case.name,
        "images": n_images,
        "batch_size": options.batch_size,
        "input": [case.size, case.size, case.channels],
        "auto": training_precision("auto", network, device),
        "epochs_per_s": rates,
        "ratio_float32": rates["float32"] / rates["textbook"],
        "ratio_auto": rates["auto"] / rates["textbook"],
    }


def headline(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": f"an epoch of {found['images']} images, {found['network']}, trained end to end",
        "augsearch": 1 / found["epochs_per_s"]["auto"],
        "other": 1 / found["epochs_per_s"]["textbook"],
        "against": "a textbook PyTorch loop",
        "unit": "s",
        "ratio": found["ratio_auto"],
        "note": f"augsearch in {found['auto']}, the loop in float32",
    }


def print_epochs(epochs: list[dict[str, Any]]) -> None:
    rows = [
        [
            one["network"], *one["epochs_per_s"].values(),
            one["auto"], one["ratio_float32"], one["ratio_auto"],
        ]
        for one in epochs
    ]  # fmt: skip
    names = ["textbook epochs/s", "float32", "auto", "auto is", "float32 / textbook"]
    print(table(["network", *names, "auto / textbook"], rows), flush=True)


def print_stacked(stacked: list[dict[str, Any]]) -> None:
    print("\nMilliseconds for one step of one network, four networks in all:\n")
    ways = [way for way in WAYS if any(way in one["ms"] for one in stacked)]
    rows = [
        [one["network"], one["batch_size"], one["precision"], *map(one["ms"].get, ways)]
        for one in stacked
    ]
    print(table(["network", "batch", "precision", *ways], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1024, help="images of a training set")
    parser.add_argument("--epochs", type=int, default=None, help="default: 1, on a GPU 10")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="little of each, no file")
    given = parser.parse_args()
    device = pick_device(given.device)
    n_images, repeats = (64, 1) if given.quick else (given.images, given.repeats)
    epochs = given.epochs or (1 if device == "cpu" else 10)
    cases = CASES[:2] if given.quick else CASES
    found: list[dict[str, Any]] = []
    stacked: list[dict[str, Any]] = []

    def keep() -> None:  # after each, in case that a time limit ends this
        if not given.quick:
            facts = {"device": device, "epochs": found, "stacked": stacked}
            record("end_to_end", {**facts, "headline": [headline(one) for one in found]})

    for case in cases:
        found.append(epochs_per_second(case, n_images, epochs, repeats, device))
        keep()
    print_epochs(found)
    small = STACKED[:1] if given.quick else STACKED
    steps = 1 if given.quick else 5 if device == "cpu" else 100
    for one in stacked_networks(steps, repeats, device, small):
        stacked.append(one)
        keep()
    print_stacked(stacked)
    print(f"\n{machine()['processor']}")


if __name__ == "__main__":
    main()
