"""The real training images again: the control that adds optimiser steps but nothing new."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.order import BalancedOrder


@final
class Repeat(Source):
    """Repeats the training images of a class, round after round, each in a fresh random order."""

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Return the endless pool; nothing is learnt."""
        return _RepeatPool(train, BalancedOrder(train, context.seed.child("order")))


class _RepeatPool(Pool):
    def __init__(self, train: LabelledImages, order: BalancedOrder) -> None:
        self._pixels = train.pixels
        self._order = order

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        return self._pixels[self._order.rows(label, start, stop)]
