"""The discriminator of an ACGAN as a classifier (the comparison of Frid-Adar et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.classifiers.image_network import ImageNetwork
from augsearch.classifiers.linear_head import LinearHead
from augsearch.classifiers.network_inputs import Inputs, Transform
from augsearch.errors import DivergedError
from augsearch.events import Advanced, Notify, silent
from augsearch.gan.acgan_step import AcganStep
from augsearch.gan.discriminator import Discriminator
from augsearch.records import ImageBlock, TrainingSet
from augsearch.study.schema.generators import AcganOptions

_BATCH = 64


@final
class DiscriminatorClassifier(Classifier):
    """Trains an ACGAN on each training set and keeps its discriminator.

    Whatever the source's `strategy` and `snapshot`, one network learns all classes and the last
    state is taken.

    Args:
        options: The settings of the ACGAN.
        device: The torch device.
    """

    def __init__(self, options: AcganOptions, *, device: str) -> None:
        self._options = options
        self._device = device

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Train one ACGAN after the other.

        Raises:
            DivergedError: A loss is no longer finite or has exploded.
            SourceError: The generator cannot make images of this size.
        """
        return [self._trained(training_set, notify) for training_set in training_sets]

    def _trained(self, training_set: TrainingSet, notify: Notify) -> FittedClassifier:
        options = self._options
        images = training_set.images(tuple(map(str, range(training_set.n_classes))))
        gan = AcganStep(options, images, training_set.seed, self._device)
        total = options.length(len(images))
        epoch = -(-len(images) // options.batch_size)
        seed = training_set.seed.child("iteration")
        rng = torch.Generator(device=self._device)
        epochs: list[list[float]] = []
        recent: list[Tensor] = []
        with torch.backends.cudnn.flags(enabled=True, deterministic=True):
            for iteration in range(1, total + 1):
                rng.manual_seed(seed.child(iteration).integer())
                recent.append(gan.step(iteration, rng))
                if iteration % epoch == 0 or iteration == total:
                    epochs.append(_means(gan, recent, iteration))
                    recent.clear()
                    notify(Advanced(iteration, total, "iterations"))
        curve = dict(zip(gan.loss_names, map(tuple, zip(*epochs, strict=True)), strict=True))
        return _Fitted(gan.players.discriminator, self._device, curve)


def _means(gan: AcganStep, recent: Sequence[Tensor], iteration: int) -> list[float]:
    """Return the mean of each loss over the last iterations, up to `iteration`."""
    rows: list[list[float]] = torch.stack(list(recent)).tolist()
    for number, row in enumerate(rows, start=iteration - len(rows) + 1):
        if wrong := gan.exploded(row):
            raise DivergedError(
                f"classifier discriminator: training diverged at iteration {number}: {wrong}. "
                f"{gan.remedy}"
            )
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


@final
class _Fitted(FittedClassifier):
    def __init__(
        self, network: Discriminator, device: str, curve: Mapping[str, Sequence[float]]
    ) -> None:
        self._network = network.eval().requires_grad_(False)
        network.zero_grad()  # gradients, and on a GPU the graph's memory, would stay with it
        self._device = device
        self._curve = curve

    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return softmax of the class head, float64, (N, n_classes)."""
        logits = torch.from_numpy(self._outputs(block)[1]).double()
        probabilities: NDArray[np.float64] = torch.softmax(logits, dim=1).numpy()
        return probabilities

    def embedding(self, block: ImageBlock) -> NDArray[np.float32]:
        """Return what both heads see, float32, (N, D)."""
        return self._outputs(block)[0]

    def image_network(self) -> ImageNetwork | None:
        """Return features and class head as one module."""
        network = _plain(self._network)
        if network.classes is None:
            return None
        design = network.design
        middle = (0.5,) * design.channels  # the same as pixel / 127.5 - 1
        inputs = Inputs(design.size, Transform(design.channels, middle, middle))
        weight, bias = (
            network.classes.get_parameter(name).detach().numpy().astype(np.float64)
            for name in ("weight", "bias")
        )
        return ImageNetwork(inputs, _Features(network), LinearHead(weight, bias))

    @property
    def training_curve(self) -> Mapping[str, Sequence[float]]:
        """Mean losses of each epoch, by name."""
        return self._curve

    @torch.inference_mode()
    def _outputs(self, block: ImageBlock) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return features and class logits of all images."""
        features, logits = [], []
        for start in range(0, max(1, len(block)), _BATCH):
            one = self._batch(block.pixels[start : start + _BATCH])
            features.append(one[0])
            logits.append(one[1])
        return np.concatenate(features), np.concatenate(logits)

    def _batch(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        # Always filled up to one size: an image's outputs then do not depend on its company.
        filled = np.zeros((_BATCH, *pixels.shape[1:]), dtype=np.uint8)
        filled[: len(pixels)] = pixels
        images = torch.from_numpy(filled).to(self._device).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            features = self._network.features(images)
            _, logits = self._network.heads(features)
        count = len(pixels)
        return features[:count].cpu().numpy(), logits[:count].cpu().numpy()


class _Features(nn.Module):
    """What both heads of a discriminator see."""

    def __init__(self, network: Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(images)


def _plain(network: Discriminator) -> Discriminator:
    """Return a copy on the CPU whose weights are numbers, not divided whenever they are used."""
    plain = copy.deepcopy(network).cpu()
    for layer in plain.modules():
        if parametrize.is_parametrized(layer, "weight"):
            weight = nn.Parameter(cast("Tensor", layer.weight).detach().clone(), False)
            del layer.parametrizations
            # Not by remove_parametrizations: that changes the class, which copies share.
            layer.__class__ = cast("type[nn.Module]", type(layer).__bases__[0])
            layer.register_parameter("weight", weight)
    return plain
