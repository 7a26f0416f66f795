"""A classifier of somebody else's, whose answers are looked at before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.errors import AugsearchError
from augsearch.events import Notify, silent
from augsearch.records import ImageBlock, Portion, TrainingSet

if TYPE_CHECKING:
    from augsearch.classifiers.image_network import ImageNetwork

_NEAR = 0.01
"""What rows may miss 1 by: rounded to 16 bits, probabilities do not add up."""


@final
class CheckedClassifier(Classifier):
    """The same classifier, but what is no class probability ends in one message.

    Args:
        classifier: The classifier.
        name: What messages call it.
    """

    def __init__(self, classifier: Classifier, name: str) -> None:
        self._classifier = classifier
        self._name = name
        self.fits_together = classifier.fits_together

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one classifier per training set.

        Raises:
            AugsearchError: The classifier returns something else.
        """
        fitted = self._classifier.fit(training_sets, notify)
        expected = f"fit of classifier {self._name!r} must return a list of FittedClassifier"
        if not isinstance(fitted, list | tuple) or not all(
            isinstance(f, FittedClassifier) for f in fitted
        ):
            kinds = (
                {type(one).__name__ for one in fitted} if isinstance(fitted, list | tuple) else ()
            )
            what = f"a list of {', '.join(sorted(kinds))}" if kinds else type(fitted).__name__
            raise AugsearchError(f"{expected} but returned {what}; put its code right.")
        if len(fitted) != len(training_sets):
            raise AugsearchError(
                f"{expected}, one per training set, {len(training_sets)}, but returned "
                f"{len(fitted)}; put its code right."
            )
        return [
            _CheckedFitted(one, self._name, training_set.n_classes)
            for one, training_set in zip(fitted, training_sets, strict=True)
        ]


@final
class _CheckedFitted(FittedClassifier):
    def __init__(self, fitted: FittedClassifier, name: str, n_classes: int) -> None:
        self._fitted = fitted
        self._name = name
        self._n_classes = n_classes

    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        return self._checked(self._fitted.predict_proba(block), len(block))

    def predict_portion(self, portion: Portion) -> NDArray[np.float64]:
        return self._checked(self._fitted.predict_portion(portion), len(portion.rows))

    def embedding(self, block: ImageBlock) -> NDArray[np.float32] | None:
        return self._fitted.embedding(block)

    def image_network(self) -> ImageNetwork | None:
        return self._fitted.image_network()

    @property
    def training_curve(self) -> Mapping[str, Sequence[float]]:
        return self._fitted.training_curve

    def _checked(self, given: object, n_images: int) -> NDArray[np.float64]:
        """Return probabilities as float64, (n_images, n_classes).

        Raises:
            AugsearchError: They are none.
        """
        rule = f"classifier {self._name!r} must give class probabilities"
        try:
            values = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError, RuntimeError) as error:  # a tensor on a GPU, or with a graph
            raise AugsearchError(
                f"{rule} as a NumPy array but gave a {type(given).__name__}; of a torch tensor "
                "return .detach().cpu().numpy()."
            ) from error
        shape = (n_images, self._n_classes)
        if values.shape != shape:
            raise AugsearchError(
                f"{rule} of shape {shape}, images by classes, but gave {values.shape}; give one "
                "per image and class."
            )
        bad = np.isnan(values).any(axis=1)
        if bad.any():
            raise AugsearchError(
                f"{rule} but gave NaN for {bad.sum()} of {n_images} images; look for a training "
                "that diverged."
            )
        sums = values.sum(axis=1)
        if n_images and (values.min() < -_NEAR or np.abs(sums - 1).max() > _NEAR):
            raise AugsearchError(
                f"{rule}, 0 to 1 and 1 in sum for each image, but gave values from "
                f"{values.min():g} to {values.max():g} and sums from {sums.min():g} to "
                f"{sums.max():g}; put logits or counts through a softmax or divide by their sum."
            )
        return values
