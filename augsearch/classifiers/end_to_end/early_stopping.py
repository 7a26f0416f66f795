"""Stopping when the tuning loss no longer falls, and going back to the epoch where it was least."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn


class EarlyStopping:
    """Keeps the weights of the epoch with the smallest tuning loss, the first of equal ones.

    Args:
        patience: Epochs without a smaller loss after which to stop.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._least = math.inf
        self._waited = 0
        self._weights: Mapping[str, Tensor] | None = None

    def is_over(self, loss: float, network: nn.Module) -> bool:
        """Look at the loss after an epoch; return whether to stop."""
        if loss < self._least:
            self._least, self._waited = loss, 0
            self._weights = {k: v.detach().clone() for k, v in network.state_dict().items()}
        else:
            self._waited += 1
        return self._waited >= self._patience

    def restore(self, network: nn.Module) -> None:
        """Give the network the weights of its best epoch."""
        if self._weights is not None:
            network.load_state_dict(self._weights)
