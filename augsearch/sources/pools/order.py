"""Which real image an index of a pool stands for."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.pools.numbering import STREAM


@final
class BalancedOrder:
    """Goes through the training images of a class in rounds, each in a fresh random order.

    Every stream begins with a new round.

    After any number of images of a stream no training image was used more than once more often
    than another, so a small amount is as balanced as a large one.

    Args:
        train: The fold's training images.
        seed: Where the order of each round comes from.
    """

    def __init__(self, train: LabelledImages, seed: Seed) -> None:
        self._classes = train.classes
        self._rows = tuple(np.flatnonzero(train.labels == c) for c in range(len(train.classes)))
        self._seed = seed

    def rows(self, label: int, start: int, stop: int) -> NDArray[np.int64]:
        """Return the row of `train` for each pool index `start` to `stop`, int64, (stop - start,).

        Raises:
            SourceError: The class has no training image.
        """
        own = self._rows[label]
        if not len(own):
            raise SourceError(
                f"at least 1 training image of class {self._classes[label]!r} is needed to make "
                "more of them but there are 0; add images of it or leave the class out."
            )
        pieces = [np.empty(0, dtype=np.int64)]
        while start < stop:
            stream, offset = divmod(start, STREAM)
            number, first = divmod(offset, len(own))
            taken = min(stop - start, len(own) - first, STREAM - offset)
            shuffled = self._seed.child(label, stream, number).generator().permutation(own)
            pieces.append(shuffled[first : first + taken])
            start += taken
        return np.concatenate(pieces)
