"""torchvision's classification networks by name: untrained or with weights, their heads taken off.

What a frozen backbone and a network trained end to end share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torchvision
from torch import nn

from augsearch.classifiers.network_inputs import Transform
from augsearch.classifiers.randomness import seeded
from augsearch.classifiers.weights.loading import imagenet_file, load_into, read_weights
from augsearch.errors import WeightsError
from augsearch.messages import unknown
from augsearch.seeds import Seed

SMALLEST_INPUT = 32
"""Pixels a side; below it the networks' pooling has nothing left to pool."""

Weights = Literal["imagenet", "random"] | Path


@dataclass(frozen=True)
class Family:
    """How torchvision names the first layer and the classification head of a family."""

    pattern: str
    first: str
    head: str


_FAMILIES = (
    Family("densenet*", "features.conv0", "classifier"),
    Family("resnet*", "conv1", "fc"),
    Family("resnext*", "conv1", "fc"),
    Family("wide_resnet*", "conv1", "fc"),
    Family("efficientnet_v2_*", "features.0.0", "classifier"),
)

# torchxrayvision's networks take one channel from -1024 to 1024.
_XRAYVISION = Transform(channels=1, mean=(0.5,), sd=(1 / 2048,))


def known_backbones() -> tuple[str, ...]:
    """Return the names that `headless` takes."""
    names = {
        name
        for family in _FAMILIES
        for name in torchvision.models.list_models(torchvision.models, include=family.pattern)
    }
    return tuple(sorted(names))


@dataclass(frozen=True, eq=False)
class Headless:
    """A network up to its global average pooling.

    Attributes:
        body: Gives features, (N, n_features); the classification head is replaced by nothing.
        n_features: D, the features the head took.
        dropout: Probability of the dropout before the head's last layer, 0 without.
        transform: What the network wants to see.
    """

    body: nn.Module
    n_features: int
    dropout: float
    transform: Transform


def headless(name: str, weights: Weights, seed: Seed) -> Headless:
    """Build a network of torchvision without its head.

    Args:
        name: One of `known_backbones`.
        weights: "imagenet" (torchvision's default weights), "random" (torchvision's initialisation
            from `seed`) or a weight file. A file whose first layer has one input channel is taken
            for torchxrayvision's: grey images from -1024 to 1024. All others get three channels
            and the mean and standard deviation that torchvision normalises by.
        seed: Decides random weights; unused otherwise.

    Raises:
        WeightsError: The name is unknown, or the weights cannot be had or do not fit.
    """
    family = _family(name)
    preset = torchvision.models.get_model_weights(name).DEFAULT
    network = _untrained(name, seed)
    usual = preset.transforms()
    transform = Transform(3, tuple(usual.mean), tuple(usual.std))
    if weights != "random":
        path = imagenet_file(preset.url) if weights == "imagenet" else Path(weights)
        tensors = read_weights(path, family.first)
        if tensors[f"{family.first}.weight"].shape[1] == 1:
            _make_grey(network, family.first)
            transform = _XRAYVISION
        load_into(network, tensors, ignored=(f"{family.head}.", "op_threshs"), path=path)
    head = getattr(network, family.head)
    setattr(network, family.head, nn.Identity())
    n_features = next(part.in_features for part in head.modules() if isinstance(part, nn.Linear))
    dropout = next((part.p for part in head.modules() if isinstance(part, nn.Dropout)), 0.0)
    return Headless(network, n_features, dropout, transform)


def _family(name: str) -> Family:
    known = known_backbones()
    if name not in known:
        raise WeightsError(f"backbone must be one of {', '.join(known)} {unknown(name, known)}.")
    return next(f for f in _FAMILIES if name.startswith(f.pattern.removesuffix("*")))


def _untrained(name: str, seed: Seed) -> nn.Module:
    """Build the network with torchvision's own initialisation, global generators untouched."""
    with seeded(seed):
        network: nn.Module = torchvision.models.get_model(name, weights=None)
    return network


def _make_grey(network: nn.Module, first: str) -> None:
    """Give the first convolution a single input channel; its values are loaded afterwards."""
    convolution = network.get_submodule(first)
    if isinstance(convolution, nn.Conv2d):
        convolution.in_channels = 1
        convolution.weight = nn.Parameter(convolution.weight.detach()[:, :1].clone())
