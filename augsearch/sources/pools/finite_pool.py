"""Pools of images that are there already, and end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.sources.base import FitContext, Pool


class FinitePool(Pool):
    """The images of every class, each once, in a random order.

    Args:
        counts: Images of each class.
        classes: Names of the classes.
        context: That of the fit, which says whose pool it is and where the order comes from.
    """

    def __init__(self, counts: Sequence[int], classes: Sequence[str], context: FitContext) -> None:
        seed = context.seed.child("order")
        self._orders = [
            seed.child(label).generator().permutation(count) for label, count in enumerate(counts)
        ]
        self._classes, self._name = classes, context.name

    @abstractmethod
    def taken(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images of a class by their numbers before they were put in order."""

    @final
    def size(self, label: int) -> int:
        """Return how many images of the class there are."""
        return len(self._orders[label])

    @final
    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: `stop` lies beyond `size(label)`.
        """
        if stop > self.size(label):
            raise SourceError(
                f"source {self._name!r} has only {self.size(label)} images of class "
                f"{self._classes[label]!r} but {stop} are needed; add images, or lower the amounts "
                "of the arms that use it (max_multiple, where a search finds its own)"
            )
        return self.taken(label, self._orders[label][start:stop])
