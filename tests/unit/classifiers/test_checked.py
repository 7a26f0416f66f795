import numpy as np
import pytest
import torch

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.classifiers.checked import CheckedClassifier
from augsearch.errors import AugsearchError
from augsearch.records import ImageBlock, Portion
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets

BLOCK = ImageBlock.of(toy_images().pixels)
PORTION = Portion(BLOCK, np.arange(3), np.zeros(3, dtype=np.int64))
SETS = toy_training_sets(2)


def likely(pixels):
    share = pixels.mean(axis=(1, 2, 3)) / 255
    return np.stack([share, 1 - share], axis=1)


class Fitted(FittedClassifier):
    def __init__(self, change):
        self.change = change

    def predict_proba(self, block):
        return self.change(likely(block.pixels))


class Own(Classifier):
    fits_together = True

    def __init__(self, change=lambda values: values, fitted=None):
        self.change, self.fitted = change, fitted

    def fit(self, training_sets, notify=lambda event: None):
        made = [Fitted(self.change) for _ in training_sets]
        return made if self.fitted is None else self.fitted(made)


def spoilt(values):
    values[2] = np.nan
    return values


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values,
        lambda values: values.astype(np.float32),
        lambda values: values.astype(np.float16),
        lambda values: values.tolist(),
        torch.from_numpy,
    ],
)
def test_probabilities_in_any_form_are_float64(change):
    (fitted,) = CheckedClassifier(Own(change), "own").fit(SETS[:1])
    for given in (fitted.predict_proba(BLOCK), fitted.predict_portion(PORTION)):
        assert given.dtype == np.float64
        assert np.allclose(given, likely(BLOCK.pixels[: len(given)]), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoilt, "NaN for 1 of 8 images; look for a training that diverged"),
        (lambda values: 100 * values, "1 in sum for each image.*sums from 100 to 100"),
        (np.log, "values from -.*softmax"),
        (lambda values: np.stack([-values[:, 0], 1 + values[:, 0]], axis=1), "values from -0"),
        (lambda values: values[:, 1], r"shape \(8, 2\), images by classes, but gave \(8,\)"),
        (lambda values: values[:-1], r"shape \(8, 2\), images by classes, but gave \(7, 2\)"),
        (lambda values: torch.from_numpy(values).requires_grad_(), "gave a Tensor.*detach"),
        (lambda values: torch.from_numpy(values).to("meta"), "gave a Tensor.*cpu"),
        (lambda values: None, r"but gave \(\)"),
        (lambda values: [["a", "b"]] * len(values), "gave a list"),
    ],
)
def test_what_is_no_probability_is_one_message(change, message):
    (fitted,) = CheckedClassifier(Own(change), "own").fit(SETS[:1])
    with pytest.raises(AugsearchError, match=f"classifier 'own' must give.*{message}") as caught:
        fitted.predict_proba(BLOCK)
    assert "\n" not in str(caught.value)
    with pytest.raises(AugsearchError, match="classifier 'own' must give"):
        fitted.predict_portion(PORTION)


@pytest.mark.parametrize(
    ("fitted", "message"),
    [
        (lambda made: made[1:], "one per training set, 2, but returned 1"),
        (lambda made: made[0], "but returned Fitted"),
        (lambda made: [1, *made[1:]], "but returned a list of Fitted, int"),
    ],
)
def test_what_is_no_list_of_fitted_classifiers_is_one_message(fitted, message):
    with pytest.raises(AugsearchError, match=f"fit of classifier 'own' must return.*{message}"):
        CheckedClassifier(Own(fitted=fitted), "own").fit(SETS)


def test_all_else_is_handed_on():
    class Telling(Fitted):
        @property
        def training_curve(self):
            return {"loss": [1.0]}

        def embedding(self, block):
            return np.zeros((len(block), 4), dtype=np.float32)

        def image_network(self):
            return "network"

    checked = CheckedClassifier(Own(fitted=lambda made: [Telling(lambda v: v)]), "own")
    (fitted,) = checked.fit(SETS[:1])
    assert checked.fits_together
    assert fitted.embedding(BLOCK).shape == (8, 4)
    assert fitted.image_network() == "network" and fitted.training_curve == {"loss": [1.0]}


def test_it_keeps_the_promises_of_a_classifier():
    check_classifier(CheckedClassifier(Own(), "own"), SETS, BLOCK)
