"""A fitted linear head: scores, and from them class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, softmax

_ROWS = 4096
"""Rows that are converted to float64 at a time."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Scores z = features @ weight.T + bias and what they mean.

    Attributes:
        weight: float64, (n_classes, D).
        bias: float64, (n_classes,).
        outputs: "softmax": probabilities exp(z_c) / sum exp(z). "sigmoid": every class has its own
            yes or no, s_c = 1 / (1 + exp(-z_c)), and probabilities are s_c / sum s.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    outputs: Literal["softmax", "sigmoid"] = "softmax"

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return z, float64, (N, n_classes), of features, float32, (N, D)."""
        z = np.empty((len(features), len(self.bias)))
        for start in range(0, len(features), _ROWS):
            part = np.asarray(features[start : start + _ROWS], dtype=np.float64)
            z[start : start + _ROWS] = part @ self.weight.T + self.bias
        return z

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities, float64, (N, n_classes), of features, float32, (N, D)."""
        z = self.scores(features)
        # In logarithms, so that the sum of the sigmoids cannot vanish.
        result: NDArray[np.float64] = softmax(log_expit(z) if self.outputs == "sigmoid" else z, 1)
        return result
