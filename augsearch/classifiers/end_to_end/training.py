"""The loop that trains one network on one training set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor
from torch.nn import functional

from augsearch.classifiers.captured import Captured
from augsearch.classifiers.end_to_end.batches import batches_of
from augsearch.classifiers.end_to_end.early_stopping import EarlyStopping
from augsearch.classifiers.end_to_end.fitted import embed
from augsearch.classifiers.end_to_end.network import Network
from augsearch.classifiers.end_to_end.optimisers import make_optimiser
from augsearch.classifiers.end_to_end.precision import computing_in, training_precision
from augsearch.classifiers.network_inputs import Inputs
from augsearch.classifiers.randomness import seeded
from augsearch.errors import DivergedError
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with their classes in memory.

    Attributes:
        pixels: uint8, (N, H, W, C).
        labels: int64, (N,).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


class Training:
    """One training; all images lie on the device as uint8.

    On a CUDA device a step with a full mini-batch is one CUDA graph, from images to new weights.

    The order of epoch e and what dropout does in it come from (seed, e) alone.

    Args:
        network: Freshly built; trained in place, on `device`.
        inputs: What it sees of images.
        options: Optimiser, epochs, batch size, patience, precision.
        seed: The training set's.
        device: The torch device.
    """

    def __init__(
        self, network: Network, inputs: Inputs, options: EndToEndOptions, *, seed: Seed, device: str
    ) -> None:
        self._network = network.to(device).to(memory_format=torch.channels_last)
        self._inputs = inputs
        self._options = options
        self._seed = seed
        self._device = device
        self._optimiser = make_optimiser(network, options)
        self._precision = training_precision(options.precision, network, device)

    def run(
        self, train: Examples, tune: Examples | None, advance: Callable[[int], None]
    ) -> dict[str, list[float]]:
        """Train and return the values of each epoch: see `FittedEndToEnd`.

        Args:
            train: The training set.
            tune: The tuning set; None: there is none, and the last epoch's weights are kept.
            advance: Called with the number of epochs done.

        Raises:
            DivergedError: A loss or a weight is no longer finite.
        """
        step = self._stepper(train)
        patience = self._options.patience
        stopping = EarlyStopping(patience) if tune and patience else None
        curve: dict[str, list[float]] = {"training loss": []}
        if tune:
            curve |= {"tuning loss": [], "tuning accuracy": []}
        for epoch in range(self._options.epochs):
            loss = self._epoch(step, len(train.labels), epoch)
            curve["training loss"].append(self._checked("training loss", loss, epoch))
            if tune:
                loss, accuracy = self._look(tune)
                curve["tuning loss"].append(self._checked("tuning loss", loss, epoch))
                curve["tuning accuracy"].append(accuracy)
            advance(epoch + 1)
            if stopping and stopping.is_over(loss, self._network):
                break
        self._optimiser.zero_grad()  # gradients would be kept as long as the network is
        if stopping:
            stopping.restore(self._network)
        elif not all(bool(values.isfinite().all()) for values in self._network.parameters()):
            raise self._diverged("every weight must stay finite but one is not")
        return curve

    def _stepper(self, train: Examples) -> Callable[[Tensor], Tensor]:
        """Return what takes one step with the images of some rows and returns their mean loss."""
        pixels = torch.from_numpy(train.pixels).to(self._device)
        labels = torch.from_numpy(train.labels).to(self._device)

        def step(rows: Tensor) -> Tensor:
            return self._step(pixels[rows], labels[rows])

        if torch.device(self._device).type != "cuda":
            return step
        captured, size = Captured(step), self._options.batch_size
        return lambda rows: captured(rows) if len(rows) == size else step(rows)

    def _epoch(self, step: Callable[[Tensor], Tensor], n_images: int, epoch: int) -> float:
        """Train for one epoch; return the mean loss of its images, each as it was met."""
        batches = batches_of(n_images, self._options.batch_size, epoch, self._seed)
        order = torch.from_numpy(np.concatenate(batches)).to(self._device)
        losses, start = [], 0
        self._network.train()
        with (
            seeded(self._seed.child("dropout", epoch), self._device),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ),
        ):
            for size in map(len, batches):
                rows = order[start : start + size]
                losses.append(step(rows) * size)
                start += size
        # On the host: Apple's devices have no float64.
        return float(torch.stack(losses).cpu().double().sum()) / n_images

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        self._optimiser.zero_grad()
        with computing_in(self._precision, self._device):
            scores = self._network(self._inputs(images))
        loss = functional.cross_entropy(scores.float(), labels)
        torch.autograd.backward(loss)
        self._optimiser.step()
        return loss.detach()

    def _look(self, tune: Examples) -> tuple[float, float]:
        """Return mean cross-entropy and accuracy on the tuning set."""
        self._network.eval()
        features = embed(self._network, self._inputs, tune.pixels, self._device)
        scores = self._network.head().scores(features)
        own = np.take_along_axis(log_softmax(scores, axis=1), tune.labels[:, None], axis=1)
        return -float(own.mean()), float((scores.argmax(axis=1) == tune.labels).mean())

    def _checked(self, name: str, loss: float, epoch: int) -> float:
        if not math.isfinite(loss):
            raise self._diverged(f"the {name} must stay finite but is {loss} in epoch {epoch + 1}")
        return loss

    def _diverged(self, what: str) -> DivergedError:
        options = self._options
        return DivergedError(
            f"classifier {options.network}: training diverged: {what}; lower learning_rate, now "
            f"{options.learning_rate:g}, in the classifier's table."
        )
