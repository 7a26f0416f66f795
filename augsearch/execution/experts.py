"""Classifiers that a source may ask: a judge of whole sets, an expert on single images."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.errors import SourceError
from augsearch.evaluation.metrics import Metric
from augsearch.records import ImageBlock, LabelledImages, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.sources.base import Expert


def judge(
    images: LabelledImages, tune: Portion, classifier: Classifier, metric: Metric, seed: Seed
) -> float:
    """Score labelled images as the only training set: train on synthetic, tune on real.

    Returns:
        The metric; its negative where smaller is better, so that the largest score is the best.
    """
    only = TrainingSet((Portion.whole(images),), len(images.classes), seed)
    fitted = classifier.fit([only])[0]
    return metric.sign * metric(tune.labels, fitted.predict_portion(tune))


@final
class RealExpert(Expert):
    """The classifier trained on a fold's real training images alone, when it is first asked.

    It sees no tuning image, not even to stop early: what it selects would otherwise know them.

    Args:
        classifier: What is trained.
        train: The fold's real training images.
        n_classes: Number of classes.
        seed: Of the training.
    """

    def __init__(self, classifier: Classifier, train: Portion, n_classes: int, seed: Seed) -> None:
        self._classifier = classifier
        self._set = TrainingSet((train,), n_classes, seed)

    def predict_proba(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return class probabilities, float64, (N, n_classes), of images, (N, H, W, C)."""
        return self._fitted.predict_proba(ImageBlock.of(pixels))

    def training_images(self, label: int) -> NDArray[np.uint8]:
        """Return the real training images of a class, (N, H, W, C)."""
        (train,) = self._set.portions
        return train.take(np.flatnonzero(train.labels == label)).pixels

    def embedding(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the classifier's last layer sees, float32, (N, D), of images."""
        features = self._fitted.embedding(ImageBlock.of(pixels))
        if features is None:
            raise SourceError(
                'select.by = "distance" needs a classifier that has features but the study\'s has '
                'none; choose another one, or select by "confidence".'
            )
        return features

    @cached_property
    def _fitted(self) -> FittedClassifier:
        return self._classifier.fit([self._set])[0]
