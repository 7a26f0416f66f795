"""What a classifier is: something that is fitted to training sets, many at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from augsearch.events import Notify, silent
from augsearch.records import ImageBlock, Portion, TrainingSet

if TYPE_CHECKING:
    from augsearch.classifiers.image_network import ImageNetwork
    from augsearch.classifiers.linear_head import LinearHead


class FittedClassifier(ABC):
    """A classifier after training on one training set."""

    @abstractmethod
    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return class probabilities, (N, n_classes), rows add up to 1.

        Those of an image do not depend on the images beside it.
        """

    def predict_portion(self, portion: Portion) -> NDArray[np.float64]:
        """Return class probabilities, (M, n_classes), of the portion's images; labels unused.

        Looks at these images alone; what keeps something of whole blocks does otherwise.
        """
        return self.predict_proba(ImageBlock.of(portion.pixels))

    def embedding(self, block: ImageBlock) -> NDArray[np.float32] | None:
        """Return what the last layer sees of each image, (N, D); None if there is no such thing."""
        return None

    def image_network(self) -> ImageNetwork | None:
        """Return the same as one torch module, to be exported; None if it is no network."""
        return None

    @property
    def training_curve(self) -> Mapping[str, Sequence[float]]:
        """Losses and the like after each epoch, by name ("training loss"); empty without epochs."""
        return {}


class Classifier(ABC):
    """A kind of classifier with its settings.

    Attributes:
        fits_together: Whether many training sets in one call are faster than one after the other.
            If not, every amount of a search is scored and kept before the next is trained.
    """

    fits_together: bool = False

    @abstractmethod
    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one classifier per training set.

        Each depends on its own training set (images, labels, seed) alone, to the last bit, not on
        the others in the call.
        """


class Backbone(ABC):
    """A frozen network that turns images into features.

    Attributes:
        batch: Images that it computes at a time, also if it is given fewer.
    """

    batch: int = 1

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of all that decides the features: weights, architecture, transform, dtype."""

    @abstractmethod
    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return features, float32, (N, D), of images, uint8, (N, H, W, C).

        Row i depends on image i alone, to the last bit.
        """

    def begin(self, images: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """Return what waits for the features, whose making may begin now (on a GPU it does)."""
        return lambda: self.features(images)

    def image_network(self, head: LinearHead) -> ImageNetwork | None:
        """Return the backbone under a head as one torch module; None if it is no torch module."""
        return None
