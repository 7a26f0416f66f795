"""Whether a classifier keeps its promises: each training set by itself, and true probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.events import silent
from augsearch.records import ImageBlock, Portion, TrainingSet, content_key
from augsearch.testing.randomness import global_seed

_NEAR = 0.01
"""What probabilities may differ by: with fewer images, arithmetic of 16 bits goes another way."""


def check_classifier(
    classifier: Classifier, training_sets: Sequence[TrainingSet], block: ImageBlock
) -> None:
    """Assert everything that augsearch relies on in a classifier.

    The result of a training set must be the same to the last bit alone, among others, in another
    order, and whatever the state of the global random generators is. What it says of an image must
    not depend on the images beside it, as it would with a network that is still in training mode.

    Args:
        classifier: The classifier, with settings that make `fit` quick.
        training_sets: At least two, of unlike sizes (see `augsearch.testing.images`).
        block: Images to predict.

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    assert classifier.fit([], silent) == [], "no training sets must give no classifiers"
    before = _fingerprint(training_sets, block)
    with global_seed(1):
        together = _predictions(classifier, training_sets, block)
    with global_seed(2):
        backwards = _predictions(classifier, training_sets[::-1], block)[::-1]
        alone = [_predictions(classifier, [one], block)[0] for one in training_sets]
    for number in range(len(training_sets)):
        assert np.array_equal(together[number], backwards[number]), (
            f"training set {number} must give the same classifier in any order of the sets"
        )
        assert np.array_equal(together[number], alone[number]), (
            f"training set {number} must give the same classifier alone as among others"
        )
    assert _fingerprint(training_sets, block) == before, (
        "fit and predict_proba must leave images and labels as they are"
    )


def _fingerprint(training_sets: Sequence[TrainingSet], block: ImageBlock) -> list[str]:
    portions = [portion for one in training_sets for portion in one.portions]
    blocks = [*(portion.block for portion in portions), block]
    labels = [repr(portion.labels.tolist()) for portion in portions]
    return [content_key(one.pixels) for one in blocks] + labels


def _predictions(
    classifier: Classifier, training_sets: Sequence[TrainingSet], block: ImageBlock
) -> list[NDArray[np.float64]]:
    fitted = classifier.fit(training_sets, silent)
    assert len(fitted) == len(training_sets), (
        f"fit must give one classifier per training set ({len(training_sets)}) but gave "
        f"{len(fitted)}"
    )
    return [
        _prediction(one, block, training_set.n_classes)
        for one, training_set in zip(fitted, training_sets, strict=True)
    ]


def _prediction(fitted: FittedClassifier, block: ImageBlock, n_classes: int) -> NDArray[np.float64]:
    given = fitted.predict_proba(block)
    _check_probabilities(given, len(block), n_classes)
    rows = np.arange((len(block) + 1) // 2, dtype=np.int64)
    part = fitted.predict_portion(Portion(block, rows, np.zeros(len(rows), dtype=np.int64)))
    assert np.allclose(part, given[: len(rows)], rtol=0, atol=_NEAR), (
        "the probabilities of an image must be the same beside other images but differ by up to "
        f"{np.abs(part - given[: len(rows)]).max():g}"
    )
    return given


def _check_probabilities(values: NDArray[np.float64], n_images: int, n_classes: int) -> None:
    shape = (n_images, n_classes)
    assert values.dtype == np.float64, f"probabilities must be float64 but are {values.dtype}"
    assert values.shape == shape, f"probabilities must have shape {shape} but have {values.shape}"
    assert bool(np.all((values >= 0) & (values <= 1))), "probabilities must lie in [0, 1]"
    sums = values.sum(axis=1)
    assert np.allclose(sums, 1, rtol=0, atol=1e-6), (
        f"probabilities must add up to 1 but add up to {sums.min():g} to {sums.max():g}"
    )
