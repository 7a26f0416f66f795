"""Pools that can say more than "images of a class", or that cannot say which class at all."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.sources.base import Pool


class ScoredPool(Pool):
    """A pool whose own discriminator says how real each image looks."""

    @abstractmethod
    def realness(self, label: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return the discriminator's score of images `start` to `stop` of class `label`.

        Larger is more real: the logit of "real", or the critic's value. The scores of the classes
        of one pool are comparable only if one network was trained for all of them.

        Returns:
            float64, (stop - start,); entry i depends on (class, i) alone, to the last bit.

        Raises:
            SourceError: No such class, or a range that runs backwards or below 0.
        """


class UnlabelledPool(Pool):
    """An endless stream of images without classes: somebody else has to say what they show.

    Args:
        pool: Its images, as those of label 0.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def candidates(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop`, uint8, (stop - start, H, W, C); image i depends on i.

        Raises:
            SourceError: A range that runs backwards or below 0.
        """
        return self._pool.images(0, start, stop)

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Refuse.

        Raises:
            SourceError: Always.
        """
        raise SourceError(
            "a source must have classes to give images of one, but this generator was trained on "
            'all of them alike; add select = {by = "confidence", ...} or set '
            'strategy = "per-class".'
        )
