import numpy as np
import pytest

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.records import ImageBlock
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets


class NearestMean(Classifier):
    """Compares an image's mean grey value with the classes', except for a stated fault."""

    def __init__(self, fault=None):
        self.fault = fault

    def fit(self, training_sets, notify=None):
        if self.fault == "writes" and training_sets:
            training_sets[0].portions[0].block.pixels[0] = 0
        fitted = []
        for number, one in enumerate(training_sets):
            means = np.zeros((len(one.portions), one.n_classes))
            for row, portion in enumerate(one.portions):
                grey = portion.block.pixels[portion.rows].mean(axis=(1, 2, 3))
                for label in range(one.n_classes):
                    means[row, label] = grey[portion.labels == label].mean()
            shift = {"order": number, "others": len(training_sets), "global": np.random.rand()}
            fitted.append(Nearest(means.mean(axis=0) + shift.get(self.fault, 0), self.fault))
        return fitted[1:] if self.fault == "too few" else fitted


class Nearest(FittedClassifier):
    def __init__(self, means, fault):
        self.means, self.fault = means, fault

    def predict_proba(self, block):
        grey = block.pixels.mean(axis=(1, 2, 3))
        weights = 1 / (1 + np.abs(grey[:, None] - self.means))
        if self.fault == "beside":
            weights /= weights.max(axis=0)
        if self.fault == "sums":
            return weights / 4
        if self.fault == "range":
            return np.tile([1.5, -0.5], (len(grey), 1))
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        wrong = {"dtype": probabilities.astype(np.float32), "shape": probabilities[:, :1]}
        return wrong.get(self.fault, probabilities)


def check(fault=None):
    block = ImageBlock.of(toy_images((4, 4), size=32, seed=9).pixels)
    check_classifier(NearestMean(fault), toy_training_sets(), block)


def test_a_good_classifier_passes():
    check()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("order", "in any order"),
        ("others", "alone as among others"),
        ("global", "must give the same classifier"),
        ("too few", r"one classifier per training set \(3\) but gave 2"),
        ("sums", "must add up to 1"),
        ("range", r"lie in \[0, 1\]"),
        ("dtype", "must be float64 but are float32"),
        ("shape", "must have shape"),
        ("beside", "must be the same beside other images but differ by up to 0"),
        ("writes", "must leave images and labels as they are"),
    ],
)
def test_every_broken_promise_is_found(fault, message):
    with pytest.raises(AssertionError, match=message):
        check(fault)


def test_fit_takes_a_notify_as_augsearch_gives_it():
    class Deaf(NearestMean):
        def fit(self, training_sets):
            return super().fit(training_sets)

    with pytest.raises(TypeError, match="positional arguments"):
        check_classifier(Deaf(), toy_training_sets(), ImageBlock.of(toy_images(size=32).pixels))


def test_toy_training_sets_are_unlike_and_cover_both_classes():
    sets = toy_training_sets(4)
    assert len({len(one) for one in sets}) == 4
    assert len({one.seed for one in sets}) == 4
    for one in sets:
        assert set(np.concatenate([portion.labels for portion in one.portions])) == {0, 1}


def test_toy_classes_differ_in_grey_and_no_two_images_are_alike():
    toys = toy_images((20, 20), channels=3)
    means = toys.pixels.mean(axis=(1, 2, 3))
    assert means[:20].max() < means[20:].min()
    assert len(np.unique(toys.pixels.reshape(40, -1), axis=0)) == 40
    assert not np.array_equal(toys.pixels, toy_images((20, 20), channels=3, seed=1).pixels)
