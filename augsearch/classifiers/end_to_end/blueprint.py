"""From a [classifier] table to fresh networks, one for each training set."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from augsearch.classifiers.end_to_end import own_networks
from augsearch.classifiers.end_to_end.network import Network
from augsearch.classifiers.network_inputs import Inputs, Transform
from augsearch.classifiers.randomness import seeded
from augsearch.classifiers.torchvision_networks import (
    SMALLEST_INPUT,
    Headless,
    headless,
    known_backbones,
)
from augsearch.errors import WeightsError
from augsearch.messages import unknown
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import OWN_NETWORKS, EndToEndOptions

# ImageNet's channels, as torchvision normalises them, and the mean of the three.
_COLOUR = Transform(3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_GREY = Transform(1, (0.449,), (0.226,))


class Blueprint:
    """Builds the network of a study and what it sees.

    Published weights are read once and copied into each network.

    Args:
        options: The study's [classifier] table.

    Raises:
        WeightsError: The network is unknown, or its weights cannot be had or do not fit.
    """

    def __init__(self, options: EndToEndOptions) -> None:
        known = (*OWN_NETWORKS, *known_backbones())
        if options.network not in known:
            raise WeightsError(
                f"network must be one of {', '.join(known)} {unknown(options.network, known)}."
            )
        self._own = options.network in OWN_NETWORKS
        if self._own and options.weights != "random":
            raise WeightsError(
                f'weights must be "random" for network {options.network!r}, whose weights nobody '
                f"publishes, but got {str(options.weights)!r}."
            )
        self._options = options
        self._published: Headless | None = None
        if options.weights != "random":
            self._published = headless(options.network, options.weights, Seed.of("overwritten"))

    def build(
        self, pixels: NDArray[np.uint8], n_classes: int, seed: Seed
    ) -> tuple[Network, Inputs]:
        """Return a network in training mode, on the CPU, and what it sees of images.

        Args:
            pixels: uint8, (N, H, W, C), all training images.
            n_classes: Outputs.
            seed: Decides all weights that are not published.
        """
        smallest = own_networks.SMALLEST_INPUT if self._own else SMALLEST_INPUT
        size = self._options.input_size or max(*pixels.shape[1:3], smallest)
        if self._own:
            network, transform = self._build_own(size, pixels.shape[3], n_classes, seed)
        else:
            network, transform = self._build_torchvision(n_classes, seed)
        if self._options.normalise == "imagenet":
            return network, Inputs(size, transform)
        plain = Transform(transform.channels, (0.0,), (1.0,))
        return network, Inputs(size, plain, _mean_image(pixels))

    def _build_own(
        self, size: int, channels: int, n_classes: int, seed: Seed
    ) -> tuple[Network, Transform]:
        with seeded(seed):
            if self._options.network == "roglin2022":
                network = own_networks.roglin2022(channels, n_classes)
            else:
                network = own_networks.fridadar2018(size, channels, n_classes)
        return network, _COLOUR if channels == 3 else _GREY

    def _build_torchvision(self, n_classes: int, seed: Seed) -> tuple[Network, Transform]:
        bare = self._bare(seed.child("body"))
        with seeded(seed.child("last layer")):
            last = nn.Linear(bare.n_features, n_classes)
        return Network(bare.body, last, bare.dropout), bare.transform

    def _bare(self, seed: Seed) -> Headless:
        if self._published is None:
            return headless(self._options.network, "random", seed)
        return copy.deepcopy(self._published)


def _mean_image(pixels: NDArray[np.uint8]) -> Tensor:
    """Return the mean of uint8, (N, H, W, C), as float32, (C, H, W), from 0 to 255."""
    mean = pixels.sum(axis=0, dtype=np.int64) / len(pixels)
    return torch.from_numpy(mean.astype(np.float32)).permute(2, 0, 1).contiguous()
