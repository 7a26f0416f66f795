"""What a head minimises, as the numbers that the kernels work with.

The head is the last layer of Kong et al. 2022: cross-entropy on softmax, or binary cross-entropy on
sigmoid outputs (the mean over the outputs), by Adam (Kingma and Ba 2015) with a learning rate that
falls as 1 / (1 + decay t) with the step t.

Two softmax classes are one sigmoid of the difference u = w_0 - w_1 of their weights: the gradients
of w_0 and w_1 are opposite, so Adam's means are opposite and its squares equal, and the two rows
move by the same step in opposite directions. One row at twice the rate is half the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from augsearch.classifiers.linear_head import LinearHead
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

BETA1, BETA2 = 0.9, 0.999
_EPSILON = 1e-8


@dataclass(frozen=True)
class HeadProblem:
    """The problem that all heads of one call share.

    Attributes:
        options: Kind of output, epochs, batch size, learning rate.
        n_features: D, the features of an image.
        n_classes: At least 2.
        width: W > D, numbers per row of the bank: features, a one, zeros.
    """

    options: AdamHead
    n_features: int
    n_classes: int
    width: int

    @property
    def is_difference(self) -> bool:
        """Return whether the two classes are trained as one row, u."""
        return self.options.outputs == "softmax" and self.n_classes == 2

    @property
    def is_softmax(self) -> bool:
        """Return whether the outputs compete; otherwise each is a sigmoid of its own."""
        return self.options.outputs == "softmax" and not self.is_difference

    @property
    def n_outputs(self) -> int:
        """Return R, the rows of weights that are trained; row r is the score of class r."""
        return 1 if self.is_difference else self.n_classes

    @property
    def scale(self) -> float:
        """Return what an image's error (probability minus target) is multiplied by."""
        return 1 / self.n_classes if self.options.outputs == "sigmoid" else 1.0

    def start(self, seed: Seed) -> NDArray[np.float32]:
        """Return start weights, float32, (R, W)."""
        weight = np.zeros((self.n_outputs, self.width), np.float32)
        drawn = self._drawn(seed)
        weight[:, : self.n_features + 1] = drawn[:1] - drawn[1:] if self.is_difference else drawn
        return weight

    def rates(self, steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return rate a_t and guard e_t of each step: w -= a_t mean / (sqrt(square) + e_t).

        Both bias corrections of Adam are in these numbers.

        Returns:
            Two arrays, float32, (steps,).
        """
        options, t = self.options, np.arange(steps)
        root = np.sqrt(1 - BETA2 ** (t + 1))
        rate = options.learning_rate / (1 + options.decay_per_step * t)
        rate = rate * root / (1 - BETA1 ** (t + 1))
        if self.is_difference:
            rate *= 2
        return rate.astype(np.float32), (_EPSILON * root).astype(np.float32)

    def head(self, seed: Seed, weight: NDArray[np.float32]) -> LinearHead:
        """Return the head of trained weights, float32, (R, W), that started from `seed`."""
        trained = weight[:, : self.n_features + 1].astype(np.float64)
        if self.is_difference:
            drawn = self._drawn(seed)
            half = (trained[0] - (drawn[0] - drawn[1])) / 2
            trained = np.stack([drawn[0] + half, drawn[1] - half])
        return LinearHead(trained[:, :-1], trained[:, -1], self.options.outputs)

    def _drawn(self, seed: Seed) -> NDArray[np.float32]:
        """Return weights and, as last column, bias as torch.nn.Linear draws them."""
        random = seed.child("head").torch_generator()
        bound = self.n_features**-0.5
        weight = torch.empty(self.n_classes, self.n_features)
        weight.uniform_(-bound, bound, generator=random)
        bias = torch.empty(self.n_classes, 1).uniform_(-bound, bound, generator=random)
        drawn: NDArray[np.float32] = torch.cat([weight, bias], dim=1).numpy()
        return drawn
