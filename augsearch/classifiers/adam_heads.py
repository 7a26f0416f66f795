"""Linear heads trained by Adam in mini-batches, many at a time as one stacked problem.

The head is the last layer of Kong et al. 2022: cross-entropy on softmax (or binary cross-entropy
on sigmoid outputs), Adam (Kingma and Ba 2015), and a learning rate that falls as 1 / (1 + decay t)
with the step t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augsearch.classifiers.linear_head import LinearHead
from augsearch.device import threads
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_CHUNK = 512
"""Steps whose mini-batches are laid out at a time."""


@dataclass(frozen=True, eq=False)
class HeadCell:
    """One head to train.

    Attributes:
        rows: int64, (M,), rows of the feature bank.
        labels: int64, (M,), the classes.
        seed: Start weights come from its child "head", the order of the images in epoch e from its
            child ("batches", e).
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    seed: Seed


def lanes_for(device: str) -> int:
    """Return how many heads are trained side by side on a device.

    The number is fixed, and missing heads are replaced by idle lanes: every product then has the
    same shape whatever is trained, so that a head's bits do not depend on its company. Eight keep
    a CPU core busy; a GPU needs more to be worth its launches.
    """
    return 8 if torch.device(device).type == "cpu" else 64


def train_adam_heads(
    bank: NDArray[np.float32],
    cells: Sequence[HeadCell],
    options: AdamHead,
    *,
    n_features: int,
    n_classes: int,
    device: str,
    advance: Callable[[int], None],
) -> list[LinearHead]:
    """Train one head per cell; each depends on its own cell alone, to the last bit.

    Args:
        bank: float32, (rows, W): features, a column of ones, then zeros.
        cells: What to train, at least one image each.
        options: Kind of output, epochs, batch size, learning rate.
        n_features: D, the columns of `bank` that are features.
        n_classes: Outputs of a head.
        device: The torch device.
        advance: Called with the number of head steps done since the last call.

    Returns:
        The heads, in the order of `cells`.
    """
    features = torch.from_numpy(bank).to(device)
    lanes = lanes_for(device)
    # Heads of like length share a group, for lanes that are done run idle until the group is.
    order = sorted(range(len(cells)), key=lambda i: len(cells[i].rows), reverse=True)
    heads: dict[int, LinearHead] = {}
    for first in range(0, len(order), lanes):
        members = order[first : first + lanes]
        group = _Group(features, [cells[i] for i in members], options, lanes, n_features, n_classes)
        for lane, weight in group.train(advance):
            heads[members[lane]] = _head(weight, n_features, options)
    return [heads[i] for i in range(len(cells))]


def _head(weight: NDArray[np.float64], n_features: int, options: AdamHead) -> LinearHead:
    return LinearHead(weight[:, :n_features], weight[:, n_features], options.outputs)


class _Group:
    """Up to `lanes` heads in lockstep: weights (lanes, n_classes, W), all at the same step."""

    def __init__(
        self,
        features: Tensor,
        cells: Sequence[HeadCell],
        options: AdamHead,
        lanes: int,
        n_features: int,
        n_classes: int,
    ) -> None:
        self._features, self._cells, self._options = features, cells, options
        self._lanes, self._n_classes = lanes, n_classes
        device, width = features.device, features.shape[1]
        start = torch.zeros(lanes, n_classes, width)
        for lane, cell in enumerate(cells):
            start[lane, :, : n_features + 1] = _initial(cell.seed, n_features, n_classes)
        self._weight = start.to(device)
        self._mean, self._square, self._gradient, self._scratch = (
            torch.zeros_like(self._weight) for _ in range(4)
        )
        self._x = torch.empty(lanes * options.batch_size, width, device=device)
        # A multiple of 128 numbers fills whole vector registers: see device.py.
        n_scores = lanes * options.batch_size * n_classes
        self._flat_z = torch.zeros(-(-n_scores // 128) * 128, device=device)
        self._z = self._flat_z[:n_scores].view(lanes, options.batch_size, n_classes)

    def train(self, advance: Callable[[int], None]) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (lane, weights as (n_classes, W)) of each head at its own last step."""
        lengths = [self._steps_per_epoch(cell) * self._options.epochs for cell in self._cells]
        stops = sorted({*lengths, *range(_CHUNK, max(lengths), _CHUNK)})
        for begin, end in zip([0, *stops], stops, strict=False):
            self._run(begin, end)
            for lane, length in enumerate(lengths):
                if length == end:
                    yield lane, self._weight[lane].cpu().double().numpy()
                    # Moments left to fade would become subnormal numbers, which are slow.
                    self._mean[lane] = self._square[lane] = 0
            advance(sum(length >= end for length in lengths) * (end - begin))

    def _run(self, begin: int, end: int) -> None:
        indices, targets, shares = self._batches(begin, end)
        step = self._softmax_step if self._options.outputs == "softmax" else self._sigmoid_step
        x = self._x.view(self._lanes, self._options.batch_size, -1)
        weight = self._weight.transpose(1, 2)
        # One thread: see device.py; and the pieces are too small to share out.
        with torch.inference_mode(), threads(1):
            for t in range(begin, end):
                torch.index_select(self._features, 0, indices[t - begin], out=self._x)
                torch.bmm(x, weight, out=self._z)
                error = step(targets[t - begin]).mul_(shares[t - begin])
                torch.bmm(error.transpose(1, 2), x, out=self._gradient)
                self._adam(t)

    def _softmax_step(self, target: Tensor) -> Tensor:
        """Derivative of the cross-entropy with respect to the scores."""
        return torch.softmax(self._z, 2).sub_(target)

    def _sigmoid_step(self, target: Tensor) -> Tensor:
        """Derivative of the binary cross-entropy, the mean over the outputs."""
        torch.sigmoid(self._flat_z, out=self._flat_z)
        return self._z.sub_(target).div_(self._n_classes)

    def _adam(self, t: int) -> None:
        """Adam's step t (from 0), with both bias corrections moved into two plain numbers."""
        options = self._options
        decay = options.learning_rate / options.epochs if options.decay is None else options.decay
        root = (1 - _BETA2 ** (t + 1)) ** 0.5
        rate = options.learning_rate / (1 + decay * t) * root / (1 - _BETA1 ** (t + 1))
        self._mean.lerp_(self._gradient, 1 - _BETA1)
        self._square.mul_(_BETA2).addcmul_(self._gradient, self._gradient, value=1 - _BETA2)
        torch.sqrt(self._square, out=self._scratch)
        self._scratch.add_(_EPSILON * root)
        self._weight.addcdiv_(self._mean, self._scratch, value=-rate)

    def _batches(self, begin: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
        """Lay out the mini-batches of steps `begin` to `end` of all lanes.

        Returns:
            Bank rows, int64, (steps, lanes * B); one-hot classes, float32, (steps, lanes, B, C);
            the share of each image in its batch's mean, float32, (steps, lanes, B, 1). Places that
            a short batch or an idle lane leaves empty have row 0 and share 0.
        """
        shape = (end - begin, self._lanes, self._options.batch_size)
        rows, labels = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        shares = np.zeros(shape, np.float32)
        for lane, cell in enumerate(self._cells):
            picks = self._picks(cell, begin, end)
            used = picks >= 0
            rows[:, lane][used] = cell.rows[picks[used]]
            labels[:, lane][used] = cell.labels[picks[used]]
            shares[:, lane] = used / np.maximum(used.sum(axis=1, keepdims=True), 1)
        one_hot = np.eye(self._n_classes, dtype=np.float32)[labels]
        on_device = [
            torch.from_numpy(array).to(self._features.device)
            for array in (rows.reshape(len(rows), -1), one_hot, shares[..., None])
        ]
        return on_device[0], on_device[1], on_device[2]

    def _picks(self, cell: HeadCell, begin: int, end: int) -> NDArray[np.int64]:
        """Return which images each step takes, int64, (steps, B); -1 is none.

        Every epoch is a fresh permutation cut into batches, the last one short (what a DataLoader
        with ``drop_last=False`` gives).
        """
        per_epoch, n = self._steps_per_epoch(cell), len(cell.rows)
        first = begin // per_epoch
        last = min(-(-end // per_epoch), self._options.epochs)
        order = np.full((max(last - first, 0), per_epoch * self._options.batch_size), -1, np.int64)
        for epoch in range(first, last):
            random = cell.seed.child("batches", epoch).generator()
            order[epoch - first, :n] = random.permutation(n)
        picks = np.full((end - begin, self._options.batch_size), -1, np.int64)
        taken = order.reshape(-1, self._options.batch_size)[begin - first * per_epoch :]
        picks[: len(taken)] = taken[: end - begin]
        return picks

    def _steps_per_epoch(self, cell: HeadCell) -> int:
        return -(-len(cell.rows) // self._options.batch_size)


def _initial(seed: Seed, n_features: int, n_classes: int) -> Tensor:
    """Return start weights with the bias as last column, as torch.nn.Linear draws them."""
    random = seed.child("head").torch_generator()
    bound = n_features**-0.5
    weight = torch.empty(n_classes, n_features).uniform_(-bound, bound, generator=random)
    bias = torch.empty(n_classes, 1).uniform_(-bound, bound, generator=random)
    return torch.cat([weight, bias], dim=1)
