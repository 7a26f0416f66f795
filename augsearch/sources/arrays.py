"""Images in memory, made elsewhere by any generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.finite_pool import FinitePool


@final
class ArraySource(Source):
    """Takes labelled images as they are, of the training images' size, in a random order.

    Args:
        images: Their labels are those of the training images; a class may have none.
    """

    def __init__(self, images: LabelledImages) -> None:
        self._images = images

    def sizes(self, classes: Sequence[str]) -> Sequence[int]:
        """Return how many images there are of each class.

        Raises:
            SourceError: There are images of further classes.
        """
        counts = np.bincount(self._images.labels, minlength=len(classes))
        if len(counts) > len(classes):
            raise SourceError(
                f"the source's labels must be those of the {len(classes)} classes of the training "
                f"images but go up to {len(counts) - 1}; leave out what is of another class."
            )
        return [int(count) for count in counts]

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Return the pool; nothing is learnt.

        Raises:
            SourceError: The images are of another size, or of further classes.
        """
        own, expected = self._images.pixels.shape[1:], train.pixels.shape[1:]
        if own != expected:
            raise SourceError(
                "the source's images must have the training images' size and channels, "
                f"{expected}, but have {own}; resize them."
            )
        return _ArrayPool(self._images, self.sizes(train.classes), train.classes, context)


class _ArrayPool(FinitePool):
    def __init__(
        self,
        images: LabelledImages,
        counts: Sequence[int],
        classes: Sequence[str],
        context: FitContext,
    ) -> None:
        super().__init__(counts, classes, context)
        self._pixels = images.pixels
        self._rows = [np.flatnonzero(images.labels == label) for label in range(len(classes))]

    def taken(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._pixels[self._rows[label][numbers]]
