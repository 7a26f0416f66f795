"""torchvision's classification networks as frozen backbones: images in, pooled features out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.captured import Captured
from augsearch.classifiers.frozen.folding import fold_batch_norms
from augsearch.classifiers.image_network import ImageNetwork
from augsearch.classifiers.linear_head import LinearHead
from augsearch.classifiers.network_inputs import Inputs, batch_size, begin_row_by_row
from augsearch.classifiers.torchvision_networks import SMALLEST_INPUT, Weights, headless
from augsearch.device import Precision, pick_precision
from augsearch.errors import DataError, WeightsError
from augsearch.seeds import Seed

_RECIPE = "folded batch norms"
"""Changes when the same settings give other last bits, so that cached features are made again."""


@final
class TorchvisionBackbone(Backbone):
    """A frozen torchvision network up to its global average pooling.

    Batch norms that can be are folded into their convolutions; those that stay, and the features,
    are float32 in either precision.

    Images go through in aligned batches of one fixed size, the last one filled up by repeating its
    last image, so that every image meets the same kernels: row i of the features depends on image
    i alone, to the last bit.

    With random weights the batch norms keep their initial statistics (mean 0, variance 1), so deep
    residual networks give large features; standardise them (logistic head) or choose a densenet.

    Args:
        name: One of `known_backbones`.
        weights: "imagenet" (torchvision's default weights), "random" (torchvision's initialisation
            from `seed`) or a weight file. A file whose first layer has one input channel is taken
            for torchxrayvision's: grey images from -1024 to 1024. All others get three channels
            and the mean and standard deviation that torchvision normalises by.
        seed: Decides random weights; unused otherwise.
        input_size: Pixels a side that images are resized to (bilinear, anti-aliased), >= 32.
        device: The torch device.
        precision: What the convolutions compute in; see `pick_precision`.

    Raises:
        WeightsError: The name is unknown, or the weights cannot be had or do not fit.
        AugsearchError: The device has no bf16 but it is wanted.
    """

    def __init__(
        self,
        name: str,
        weights: Weights,
        *,
        seed: Seed,
        input_size: int,
        device: str = "cpu",
        precision: Literal["auto"] | Precision = "auto",
    ) -> None:
        if input_size < SMALLEST_INPUT:
            raise DataError(f"input_size must be at least {SMALLEST_INPUT} but got {input_size}.")
        self._precision = pick_precision(precision, device)
        found = headless(name, weights, seed)
        dtype = torch.bfloat16 if self._precision == "bf16" else torch.float32
        self._inputs = Inputs(input_size, found.transform, dtype=dtype)
        self._name = name
        self.batch = batch_size(input_size, device)
        self._device = device
        self._fingerprint = self._hash(found.body)
        network = found.body.requires_grad_(False).eval()
        fold_batch_norms(network)
        self._network = _lowered(network, dtype).to(device)
        self._network = self._network.to(memory_format=torch.channels_last)
        # Not a method, which the graphs would hold and with it, in a circle, the backbone.
        self._run = partial(_features, self._network, self._inputs)
        self._graphs: dict[torch.Size, Captured] = {}

    @property
    def fingerprint(self) -> str:
        """Hash of network, weights, transform, size, precision, batch and kind of device."""
        return self._fingerprint

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return features, float32, (N, D), of images, uint8, (N, H, W, 1 or 3).

        Raises:
            DataError: The images have another shape or dtype.
            WeightsError: A feature is not finite: the weights do not suit the images.
        """
        return self.begin(images)()

    def begin(self, images: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """Hand images to a GPU, and return what waits for the features and looks at them.

        Raises:
            DataError: As in `features`, at once.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise DataError(
                "images must be uint8 of shape (N, H, W, 1) or (N, H, W, 3) but are "
                f"{images.dtype} of shape {images.shape}."
            )
        wait = begin_row_by_row(images, self._forward, batch=self.batch, device=self._device)
        return lambda: self._finite(wait())

    def _finite(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(features).all():
            raise WeightsError(
                f"features of {self._name} must be finite but are not; choose other weights."
            )
        return features

    def image_network(self, head: LinearHead) -> ImageNetwork:
        """Return the network under a head as one module, in the precision of the features."""
        return ImageNetwork(self._inputs, self._network, head)

    def _forward(self, images: Tensor) -> Tensor:
        if not images.is_cuda:
            return self._run(images)
        # Launched as one, the some 400 kernels of a DenseNet take a third of the time.
        return self._graphs.setdefault(images.shape, Captured(self._run))(images)

    def _hash(self, network: nn.Module) -> str:
        kind = torch.device(self._device).type
        inputs = self._inputs
        seen = (inputs.transform, inputs.size, self.batch)
        facts = (_RECIPE, self._name, *seen, self._precision, kind)
        digest = hashlib.sha256(repr(facts).encode())
        for name, value in network.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                digest.update(name.encode())
                digest.update(value.contiguous().numpy().data)
        return digest.hexdigest()


def _features(network: nn.Module, inputs: Inputs, images: Tensor) -> Tensor:
    features: Tensor = network(inputs(images))
    return features.float()


def _lowered(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Turn all weights but those of the remaining batch norms into `dtype`."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype)
    return network
