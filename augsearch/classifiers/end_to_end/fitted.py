"""A network after its training: probabilities and what its last layer sees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from augsearch.classifiers.base import FittedClassifier
from augsearch.classifiers.end_to_end.network import Network
from augsearch.classifiers.image_network import ImageNetwork
from augsearch.classifiers.network_inputs import Inputs, batch_size, row_by_row
from augsearch.errors import DivergedError
from augsearch.records import ImageBlock

Curve = Mapping[str, Sequence[float]]

_ROWS = 64


@final
class FittedEndToEnd(FittedClassifier):
    """A trained network; between predictions it lies in main memory.

    Args:
        network: After training, on any device.
        inputs: What it sees of images.
        curve: "training loss" and, with a tuning set, "tuning loss" and "tuning accuracy" of each
            epoch.
        device: The torch device to predict on.
    """

    def __init__(self, network: Network, inputs: Inputs, curve: Curve, *, device: str) -> None:
        self.network = network.requires_grad_(False).eval().cpu()
        self.head = network.head()
        self._inputs = inputs
        self._curve = curve
        self._device = device

    @property
    def training_curve(self) -> Curve:
        """Losses and accuracy after each epoch, by name."""
        return self._curve

    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return class probabilities, float64, (N, n_classes), rows add up to 1.

        Row i depends on image i alone, to the last bit.

        Raises:
            DivergedError: The network's outputs are not finite.
        """
        features = self.embedding(block)
        # Filled up as in `row_by_row`: for a single row the product has other kernels.
        n_rows = -(-len(block) // _ROWS) * _ROWS
        filled = np.resize(features, (n_rows, features.shape[1]))
        return self.head.predict_proba(filled)[: len(block)]

    def embedding(self, block: ImageBlock) -> NDArray[np.float32]:
        """Return what the last layer sees of each image, float32, (N, D).

        Row i depends on image i alone, to the last bit.

        Raises:
            DivergedError: It is not finite.
        """
        with _lent(self.network.body, self._device):
            features = embed(self.network, self._inputs, block.pixels, self._device)
        if not np.isfinite(features).all():
            raise DivergedError(
                "what the last layer sees must be finite but is not: the training has diverged; "
                "lower learning_rate in the classifier's table."
            )
        return features

    def image_network(self) -> ImageNetwork:
        """Return the trained network with what it sees of images as one module."""
        return ImageNetwork(self._inputs, self.network.body, self.head)


def embed(
    network: Network, inputs: Inputs, pixels: NDArray[np.uint8], device: str
) -> NDArray[np.float32]:
    """Return what the last layer sees, float32, (N, D), of images, uint8, (N, H, W, C).

    Args:
        network: On `device`, in evaluation mode.
        inputs: What it sees of images.
        pixels: The images.
        device: The torch device.
    """

    def body(images: Tensor) -> Tensor:
        features: Tensor = network.body(inputs(images))
        return features

    return row_by_row(pixels, body, batch=batch_size(inputs.size, device), device=device)


@contextlib.contextmanager
def _lent(module: nn.Module, device: str) -> Iterator[None]:
    module.to(device)
    try:
        yield
    finally:
        if torch.device(device).type != "cpu":
            module.cpu()
