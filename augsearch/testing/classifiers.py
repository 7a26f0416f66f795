"""Whether a classifier keeps its promises: each training set by itself, and true probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier
from augsearch.records import ImageBlock, TrainingSet
from augsearch.testing.randomness import global_seed


def check_classifier(
    classifier: Classifier, training_sets: Sequence[TrainingSet], block: ImageBlock
) -> None:
    """Assert everything that augsearch relies on in a classifier.

    The result of a training set must be the same to the last bit alone, among others, in another
    order, and whatever the state of the global random generators is.

    Args:
        classifier: The classifier, with settings that make `fit` quick.
        training_sets: At least two, of unlike sizes (see `augsearch.testing.images`).
        block: Images to predict.

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    assert classifier.fit([]) == [], "no training sets must give no classifiers"
    with global_seed(1):
        together = _predictions(classifier, training_sets, block)
    with global_seed(2):
        backwards = _predictions(classifier, training_sets[::-1], block)[::-1]
        alone = [_predictions(classifier, [one], block)[0] for one in training_sets]
    for number, training_set in enumerate(training_sets):
        _check_probabilities(together[number], len(block), training_set.n_classes)
        assert np.array_equal(together[number], backwards[number]), (
            f"training set {number} must give the same classifier in any order of the sets"
        )
        assert np.array_equal(together[number], alone[number]), (
            f"training set {number} must give the same classifier alone as among others"
        )


def _predictions(
    classifier: Classifier, training_sets: Sequence[TrainingSet], block: ImageBlock
) -> list[NDArray[np.float64]]:
    fitted = classifier.fit(training_sets)
    assert len(fitted) == len(training_sets), (
        f"fit must give one classifier per training set ({len(training_sets)}) but gave "
        f"{len(fitted)}"
    )
    return [one.predict_proba(block) for one in fitted]


def _check_probabilities(values: NDArray[np.float64], n_images: int, n_classes: int) -> None:
    shape = (n_images, n_classes)
    assert values.dtype == np.float64, f"probabilities must be float64 but are {values.dtype}"
    assert values.shape == shape, f"probabilities must have shape {shape} but have {values.shape}"
    assert bool(np.all((values >= 0) & (values <= 1))), "probabilities must lie in [0, 1]"
    sums = values.sum(axis=1)
    assert np.allclose(sums, 1, rtol=0, atol=1e-6), (
        f"probabilities must add up to 1 but add up to {sums.min():g} to {sums.max():g}"
    )
