"""The images that an audit looks at: of the source, and as many real ones of each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.execution.folds import FoldImages
from augsearch.records import Portion, pixels_of
from augsearch.seeds import Seed


@dataclass(frozen=True, eq=False)
class SourceImages:
    """The first images of a source, those that a search would take first.

    Attributes:
        classes: Per class the images, in the order of its stream.
        missing: Class -> why there is none, of classes that the fold has real images of.
    """

    classes: Sequence[Sequence[Portion]]
    missing: dict[int, str]

    @classmethod
    def of(cls, fold: FoldImages, source: str, per_class: int) -> SourceImages:
        """Ask a fitted source for at most `per_class` images of each class."""
        store = fold.pools[source]
        classes: list[list[Portion]] = []
        missing = {}
        for label, real in enumerate(fold.class_counts):
            classes.append([])
            try:
                size = store.size(label) if real else 0
                count = per_class if size is None else min(per_class, size)
                classes[label] = fold.made(source, label, 0, count)
                if real and not count:
                    missing[label] = "the source has none"
            except SourceError as error:  # a selection may never meet an image of a class
                classes[label] = []
                missing[label] = str(error)
        return cls(classes, missing)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of each class, int64, (classes,)."""
        return np.array([size(portions) for portions in self.classes], dtype=np.int64)

    @property
    def all(self) -> list[Portion]:
        """All of them, class by class."""
        return [portion for portions in self.classes for portion in portions]

    def pixels(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return all of them in memory, uint8, (N, *shape)."""
        return pixels_of(self.all, shape)

    def first(self, counts: Iterable[int]) -> list[Portion]:
        """Return the first `counts[c]` images of each class."""
        return [
            portion
            for portions, count in zip(self.classes, counts, strict=True)
            for portion in _first(portions, count)
        ]


def size(portions: Iterable[Portion]) -> int:
    """Return how many images the portions have together."""
    return sum(len(portion.labels) for portion in portions)


def equal_shares(fold: FoldImages, counts: NDArray[np.int64], seed: Seed) -> NDArray[np.int64]:
    """Return places in `fold.train` of at most `counts[c]` random real images of each class.

    Returns:
        int64, increasing.
    """
    places = []
    for label, count in enumerate(counts.tolist()):
        own = np.flatnonzero(fold.train.labels == label)
        places.append(seed.child(label).generator().permutation(own)[:count])
    return np.sort(np.concatenate(places))


def _first(portions: Sequence[Portion], count: int) -> list[Portion]:
    taken: list[Portion] = []
    for portion in portions:
        rest = count - size(taken)
        if rest > 0:
            taken.append(portion.take(slice(rest)))
    return taken
