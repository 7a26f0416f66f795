"""torchvision's classification networks as frozen backbones: images in, pooled features out."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.weights import imagenet_file, load_into, read_weights
from augsearch.device import even_threads, threads
from augsearch.errors import DataError, WeightsError
from augsearch.seeds import Seed

SMALLEST_INPUT = 32
"""Pixels a side; below it the networks' pooling has nothing left to pool."""

Weights = Literal["imagenet", "random"] | Path


@dataclass(frozen=True)
class _Family:
    """How torchvision names the first layer and the classification head of a family."""

    pattern: str
    first: str
    head: str


_FAMILIES = (
    _Family("densenet*", "features.conv0", "classifier"),
    _Family("resnet*", "conv1", "fc"),
    _Family("resnext*", "conv1", "fc"),
    _Family("wide_resnet*", "conv1", "fc"),
    _Family("efficientnet_v2_*", "features.0.0", "classifier"),
)


@dataclass(frozen=True)
class _Transform:
    """What becomes of [0, 1] pixels: channels, then (pixel - mean) / sd."""

    channels: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Turn float32, (N, 1 or 3, H, W), into the network's channels and range."""
        if images.shape[1] > self.channels:
            images = images.mean(dim=1, keepdim=True)
        images = images.expand(-1, self.channels, -1, -1)
        mean, sd = (
            torch.tensor(v, device=images.device).view(-1, 1, 1) for v in (self.mean, self.sd)
        )
        return (images - mean) / sd


# torchxrayvision's networks take one channel from -1024 to 1024.
_XRAYVISION = _Transform(channels=1, mean=(0.5,), sd=(1 / 2048,))


def known_backbones() -> tuple[str, ...]:
    """Return the names that `TorchvisionBackbone` takes."""
    names = {
        name
        for family in _FAMILIES
        for name in torchvision.models.list_models(torchvision.models, include=family.pattern)
    }
    return tuple(sorted(names))


@final
class TorchvisionBackbone(Backbone):
    """A frozen torchvision network up to its global average pooling, in float32.

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

    Raises:
        WeightsError: The name is unknown, or the weights cannot be had or do not fit.
    """

    def __init__(
        self, name: str, weights: Weights, *, seed: Seed, input_size: int, device: str = "cpu"
    ) -> None:
        if input_size < SMALLEST_INPUT:
            raise DataError(f"input_size must be at least {SMALLEST_INPUT} but got {input_size}.")
        family = _family(name)
        preset = torchvision.models.get_model_weights(name).DEFAULT
        network = _untrained(name, seed)
        usual = preset.transforms()
        self._transform = _Transform(3, tuple(usual.mean), tuple(usual.std))
        if weights != "random":
            path = imagenet_file(preset.url) if weights == "imagenet" else Path(weights)
            tensors = read_weights(path, family.first)
            if tensors[f"{family.first}.weight"].shape[1] == 1:
                _make_grey(network, family.first)
                self._transform = _XRAYVISION
            load_into(network, tensors, ignored=(f"{family.head}.", "op_threshs"), path=path)
        setattr(network, family.head, nn.Identity())
        self._name = name
        self._input_size = input_size
        self._batch = _batch_size(input_size)
        self._device = device
        self._fingerprint = self._hash(network)
        self._network = network.requires_grad_(False).eval().to(device)
        self._network = self._network.to(memory_format=torch.channels_last)

    @property
    def fingerprint(self) -> str:
        """Hash of network, weights, transform, input size, dtype, batch rule and kind of device."""
        return self._fingerprint

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return features, float32, (N, D), of images, uint8, (N, H, W, 1 or 3).

        Raises:
            DataError: The images have another shape or dtype.
            WeightsError: A feature is not finite: the weights do not suit the images.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise DataError(
                "images must be uint8 of shape (N, H, W, 1) or (N, H, W, 3) but are "
                f"{images.dtype} of shape {images.shape}."
            )
        starts = range(0, max(len(images), 1), self._batch)
        with threads(even_threads()):
            parts = [self._one_batch(images[start : start + self._batch]) for start in starts]
        features = np.concatenate(parts)
        if not np.isfinite(features).all():
            raise WeightsError(
                f"features of {self._name} must be finite but are not; choose other weights."
            )
        return features

    def _one_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(images) == 0:  # one blank batch, to learn how many features there are
            filled = np.zeros((self._batch, self._input_size, self._input_size, 1), dtype=np.uint8)
        else:
            filled = images[np.minimum(np.arange(self._batch), len(images) - 1)]
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ),
        ):
            x = torch.from_numpy(filled).to(self._device).permute(0, 3, 1, 2).float()
            if x.shape[2:] != (self._input_size, self._input_size):
                size = (self._input_size, self._input_size)
                x = functional.interpolate(x, size, mode="bilinear", antialias=True)
            x = self._transform(x / 255).contiguous(memory_format=torch.channels_last)
            result: NDArray[np.float32] = self._network(x)[: len(images)].cpu().numpy()
        return result

    def _hash(self, network: nn.Module) -> str:
        kind = torch.device(self._device).type
        facts = (self._name, self._transform, self._input_size, "float32", self._batch, kind)
        digest = hashlib.sha256(repr(facts).encode())
        for name, value in network.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                digest.update(name.encode())
                digest.update(value.contiguous().numpy().data)
        return digest.hexdigest()


def _family(name: str) -> _Family:
    known = known_backbones()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise WeightsError(
            f"backbone must be one of torchvision's networks but got {name!r}; "
            f"{hint}Known: {', '.join(known)}."
        )
    return next(f for f in _FAMILIES if name.startswith(f.pattern.removesuffix("*")))


def _untrained(name: str, seed: Seed) -> nn.Module:
    """Build the network with torchvision's own initialisation, global generators untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed.integer())
        network: nn.Module = torchvision.models.get_model(name, weights=None)
    return network


def _make_grey(network: nn.Module, first: str) -> None:
    """Give the first convolution a single input channel; its values are loaded afterwards."""
    convolution = network.get_submodule(first)
    if isinstance(convolution, nn.Conv2d):
        convolution.in_channels = 1
        convolution.weight = nn.Parameter(convolution.weight.detach()[:, :1].clone())


def _batch_size(input_size: int) -> int:
    """Return 64, or the largest power of two with as many pixels in all as 64 images of 128 px."""
    fitting = max(1, 64 * 128**2 // input_size**2)
    return min(64, int(2 ** (fitting.bit_length() - 1)))
