"""What a source is: something that is fitted to a fold's training images and then gives a pool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.events import Notify, silent
from augsearch.records import LabelledImages
from augsearch.seeds import Seed


class Pool(ABC):
    """The numbered stream of labelled images of one fitted source.

    Image i of a class is a pure function of (source, seed, fold, class, i): a larger amount
    contains every smaller one.
    """

    @abstractmethod
    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of class `label`, uint8, (stop - start, H, W, C).

        Raises:
            SourceError: `stop` lies beyond `size(label)`.
        """

    def size(self, label: int) -> int | None:
        """Return how many images of the class there are; None if there is no end."""
        return None


@dataclass(frozen=True)
class FitContext:
    """What a source may use while it is fitted.

    Attributes:
        name: The source's name in the study.
        fold: Which fold is fitted.
        seed: Where its randomness comes from.
        folder: Its own folder; what it leaves there survives a kill.
        device: The torch device.
        notify: Takes progress, warnings, losses and pictures.
        judge: Scores labelled images as the only training set, on the tuning set; None if there is
            no tuning set to ask.
    """

    name: str
    fold: int
    seed: Seed
    folder: Path
    device: str = "cpu"
    notify: Notify = silent
    judge: Callable[[LabelledImages], float] | None = field(default=None, repr=False)


class Source(ABC):
    """Whatever can add labelled images to a training set."""

    @abstractmethod
    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Learn from one fold's training images alone and return the pool.

        A fit that was killed and is called again with the same arguments continues and ends with
        the same pool; one that was finished returns it at once.
        """
