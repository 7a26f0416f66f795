from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from augsearch.classifiers.bag_of_words import BagOfWords, FittedBagOfWords, informative_words
from augsearch.classifiers.registry import create_classifier
from augsearch.errors import DataError
from augsearch.events import Advanced, Event
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import BagOfWordsOptions
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets

QUICK = BagOfWordsOptions(kind="bag-of-words", patch=7, stride=3, components=6, words=60)


def textures(n: int, n_classes: int = 3) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise that is smooth in no, one or the other direction: alike in brightness and contrast."""
    rng = np.random.default_rng(n)
    labels = np.arange(n) % n_classes
    pixels = np.empty((n, 32, 32, 1), dtype=np.uint8)
    for i, label in enumerate(labels):
        grain = gaussian_filter(rng.normal(size=(32, 32)), [(0.7, 0.7), (1.5, 0), (0, 1.5)][label])
        pixels[i, :, :, 0] = np.clip(128 + 40 * grain / grain.std(), 0, 255)
    return pixels, labels


def fit(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], options: BagOfWordsOptions = QUICK
) -> FittedBagOfWords:
    portion = Portion(ImageBlock.of(pixels), np.arange(len(labels)), labels)
    cell = TrainingSet((portion,), int(labels.max()) + 1, Seed.of(0))
    (fitted,) = BagOfWords(options).fit([cell])
    assert isinstance(fitted, FittedBagOfWords)
    return fitted


@pytest.mark.parametrize("n_classes", [2, 3])
def test_textures_are_told_apart(n_classes: int) -> None:
    pixels, labels = textures(120, n_classes)
    fitted = fit(pixels[:60], labels[:60])
    found = fitted.predict_proba(ImageBlock.of(pixels[60:])).argmax(axis=1)
    assert (found == labels[60:]).mean() > 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_most_probable_class_is_what_the_machine_decides(n_classes: int) -> None:
    pixels, labels = textures(90, n_classes)
    # Wrong labels in the training set make many decisions close.
    fitted = fit(pixels[:40], np.random.default_rng(0).permutation(labels[:40]))
    block = ImageBlock.of(pixels)
    found = fitted.predict_proba(block)
    x = fitted.scaler.transform(fitted.dictionary.histograms(pixels)[:, fitted.kept])
    np.testing.assert_array_equal(found.argmax(axis=1), fitted.machine.predict(x))
    values = fitted.machine.decision_function(x)
    if n_classes == 2:
        np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-values)))
    else:
        powers = np.exp(values)
        np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True))


def test_it_keeps_the_promises_of_a_classifier() -> None:
    block = ImageBlock.of(toy_images((4, 4), size=32, seed=9).pixels)
    check_classifier(BagOfWords(QUICK), toy_training_sets(), block)


def test_a_prediction_does_not_depend_on_the_other_images() -> None:
    pixels, labels = textures(40)
    fitted = fit(pixels, labels)
    together = fitted.predict_proba(ImageBlock.of(pixels))
    for rows in ([7], [3, 39, 0]):
        alone = fitted.predict_proba(ImageBlock.of(pixels[rows]))
        np.testing.assert_array_equal(alone, together[rows])
    assert fitted.predict_proba(ImageBlock.of(pixels[:0])).shape == (0, 3)


def test_the_embedding_is_the_frequency_of_the_words_kept() -> None:
    pixels, labels = textures(30)
    fitted = fit(pixels, labels)
    assert len(fitted.kept) == round(0.35 * 60)
    found = fitted.embedding(ImageBlock.of(pixels))
    assert found.dtype == np.float32
    expected = fitted.dictionary.histograms(pixels)[:, fitted.kept].astype(np.float32)
    np.testing.assert_array_equal(found, expected)


def information(is_frequent: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    """Mutual information from its definition, sum p(w, c) log p(w, c) / (p(w) p(c))."""
    total = 0.0
    for frequent in (False, True):
        for label in set(labels.tolist()):
            both = np.mean((is_frequent == frequent) & (labels == label))
            if both:
                alone = np.mean(is_frequent == frequent) * np.mean(labels == label)
                total += both * np.log(both / alone)
    return total


def test_the_words_with_the_most_mutual_information_are_kept() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    histograms = rng.random((60, 20)) * (1 + rng.random(20) * (labels == 1)[:, None])
    scores = [information(word > np.median(word), labels) for word in histograms.T]
    for keep, number in ((0.35, 7), (0.5, 10), (0.01, 1)):
        found = informative_words(histograms, labels, keep)
        assert len(found) == number
        assert (np.diff(found) > 0).all()
        left_out = np.delete(scores, found)
        assert min(scores[i] for i in found) >= left_out.max() - 1e-12


def test_words_that_tell_the_same_are_taken_from_the_front() -> None:
    labels = np.array([0, 0, 1, 1])
    telling = np.array([0.0, 0.1, 0.4, 0.5])
    same = np.full(4, 0.2)
    histograms = np.stack([same, telling, same, telling, telling], axis=1)
    np.testing.assert_array_equal(informative_words(histograms, labels, 0.4), [1, 3])


def test_images_without_any_structure() -> None:
    pixels = np.full((6, 16, 16, 1), 90, dtype=np.uint8)
    fitted = fit(pixels, np.array([0, 1, 0, 1, 1, 1]))
    found = fitted.predict_proba(ImageBlock.of(pixels))
    assert np.isfinite(found).all()
    assert (found == found[0]).all()


def test_two_images_are_enough() -> None:
    pixels, _ = textures(2)
    fitted = fit(pixels, np.array([0, 1]), BagOfWordsOptions(kind="bag-of-words"))
    assert (fitted.predict_proba(ImageBlock.of(pixels)).argmax(axis=1) == [0, 1]).all()


def test_a_class_without_images_is_refused() -> None:
    pixels, labels = textures(9)
    with pytest.raises(DataError, match=r"none of class 1 .*check the split"):
        fit(pixels[labels != 1], labels[labels != 1])


def test_progress_and_the_way_from_a_study(tmp_path: Path) -> None:
    pixels, labels = textures(12)
    classifier = create_classifier(QUICK, image_shape=(32, 32, 1), cache=tmp_path, seed=Seed.of(0))
    portion = Portion(ImageBlock.of(pixels), np.arange(12), labels)
    events: list[Event] = []
    classifier.fit([TrainingSet((portion,), 3, Seed.of(i)) for i in range(2)], events.append)
    assert events == [Advanced(1, 2, "dictionaries"), Advanced(2, 2, "dictionaries")]
    assert list(tmp_path.iterdir()) == []
