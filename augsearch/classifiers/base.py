"""What a classifier is: something that is fitted to training sets, many at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.events import Notify, silent
from augsearch.records import ImageBlock, TrainingSet


class FittedClassifier(ABC):
    """A classifier after training on one training set."""

    @abstractmethod
    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return class probabilities, (N, n_classes), rows add up to 1."""


class Classifier(ABC):
    """A kind of classifier with its settings."""

    @abstractmethod
    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one classifier per training set.

        Each depends on its own training set (images, labels, seed) alone, to the last bit, not on
        the others in the call.
        """


class Backbone(ABC):
    """A frozen network that turns images into features."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of all that decides the features: weights, architecture, transform, dtype."""

    @abstractmethod
    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return features, float32, (N, D), of images, uint8, (N, H, W, C).

        Row i depends on image i alone, to the last bit.
        """
