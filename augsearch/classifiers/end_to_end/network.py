"""A network as all of this room see it: a body, dropout, and one last layer."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from augsearch.classifiers.linear_head import LinearHead


class Network(nn.Module):
    """A network whose last layer is linear.

    Args:
        body: Maps images, float32, (N, C, H, W), to what the last layer sees, (N, D).
        last: The last layer, D to n_classes.
        dropout: Probability that the last layer does not see a feature, in training.
    """

    def __init__(self, body: nn.Module, last: nn.Linear, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of the classes, (N, n_classes)."""
        scores: Tensor = self.last(self.dropout(self.body(x)))
        return scores

    def head(self) -> LinearHead:
        """Return the last layer in float64."""
        weight, bias = (
            values.detach().cpu().numpy().astype(np.float64)
            for values in (self.last.weight, self.last.bias)
        )
        return LinearHead(weight, bias)
