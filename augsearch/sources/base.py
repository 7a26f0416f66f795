"""What a source is: something that is fitted to a fold's training images and then gives a pool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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

    def has_streams(self, label: int) -> bool:
        """Whether replicate r reads from r * STREAM on, where as many images are, but fresh ones.

        Without streams all replicates get the same images, as those of a folder.
        """
        return self.size(label) is None


class Expert(ABC):
    """A classifier trained on one fold's real training images, for what must look at images."""

    @abstractmethod
    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return class probabilities, (N, n_classes), of images, (N, H, W, C)."""

    @abstractmethod
    def training_images(self, label: int) -> NDArray[np.uint8]:
        """Return the real training images of a class, (N, H, W, C)."""

    @abstractmethod
    def embedding(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return features, (N, D), of images, (N, H, W, C).

        Raises:
            SourceError: The classifier has none.
        """


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
        expert: Knows the fold's real training images; trained when it is first asked something.
    """

    name: str
    fold: int
    seed: Seed
    folder: Path
    device: str = "cpu"
    notify: Notify = silent
    judge: Callable[[LabelledImages], float] | None = field(default=None, repr=False)
    expert: Expert | None = field(default=None, repr=False)


class Source(ABC):
    """Whatever can add labelled images to a training set."""

    @abstractmethod
    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Learn from one fold's training images alone and return the pool.

        A fit that was killed and is called again with the same arguments continues and ends with
        the same pool; one that was finished returns it at once.
        """

    def sizes(self, classes: Sequence[str]) -> Sequence[int | None]:
        """Return how many images of each class its pool has at most, as far as a look tells.

        Asked before anything is trained, so that a study that cannot be had is refused at once.
        None where there is no end, or a fit has to find it; by default all are.

        Raises:
            SourceError: It is no source for these classes.
        """
        return [None] * len(classes)

    def parts(self, train: LabelledImages) -> Sequence[Source]:
        """Return sources that do parts of a fit, each without the others, in the same context.

        After them `fit` finds what they made and has only the rest to do. By default there are
        none.
        """
        return ()
