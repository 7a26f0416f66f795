import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.classifiers import visual_words
from augsearch.classifiers.visual_words import Dictionary, extract_patches, learn_dictionary
from augsearch.errors import DataError
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import BagOfWordsOptions

SMALL = BagOfWordsOptions(kind="bag-of-words", patch=5, stride=3, components=4, words=12)


def noise(n: int, height: int = 20, width: int = 17, channels: int = 1) -> NDArray[np.uint8]:
    """Coarse noise, so that patches have structure."""
    rng = np.random.default_rng(n + channels)
    coarse = rng.integers(0, 256, (n, height // 2 + 1, width // 2 + 1, channels))
    return coarse.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width].astype(np.uint8)


def training_set(pixels: NDArray[np.uint8], seed: int = 0) -> TrainingSet:
    """The images of even rows, backwards, then those of odd rows from another block."""
    even, odd = ImageBlock.of(pixels[::2]), ImageBlock.of(pixels[1::2])
    portions = (
        Portion(even, np.arange(len(even))[::-1], np.zeros(len(even), dtype=np.int64)),
        Portion(odd, np.arange(len(odd)), np.ones(len(odd), dtype=np.int64)),
    )
    return TrainingSet(portions, 2, Seed.of(seed))


@pytest.mark.parametrize(
    ("side", "stride", "channels"), [(5, 3, 1), (11, 2, 3), (17, 1, 1), (3, 50, 1)]
)
def test_patches_against_plain_loops(side: int, stride: int, channels: int) -> None:
    (image,) = noise(1, channels=channels)
    expected = [
        [
            image[y + i, x + j, c] / 255
            for c in range(channels)
            for i in range(side)
            for j in range(side)
        ]
        for y in range(0, 20 - side + 1, stride)
        for x in range(0, 17 - side + 1, stride)
    ]
    np.testing.assert_array_equal(extract_patches(image, side, stride), expected)


def test_images_smaller_than_a_patch() -> None:
    with pytest.raises(DataError, match=r"shorter side, 17 pixels, but got 18; set a smaller"):
        extract_patches(noise(1)[0], 18, 1)
    options = SMALL.model_copy(update={"patch": 18})
    with pytest.raises(DataError, match="17 pixels"):
        learn_dictionary(training_set(noise(4)), options)


def nearest_word(dictionary: Dictionary, patch: NDArray[np.float64]) -> int:
    point = [
        sum(axis * (patch - dictionary.components.mean_)) / scale
        for axis, scale in zip(dictionary.components.components_, dictionary.scale, strict=True)
    ]
    return int(np.argmin([sum((point - w) ** 2) for w in dictionary.words.cluster_centers_]))


@pytest.mark.parametrize("channels", [1, 3])
def test_histograms_against_plain_loops(channels: int) -> None:
    pixels = noise(6, channels=channels)
    dictionary = learn_dictionary(training_set(pixels), SMALL)
    found = dictionary.histograms(pixels)
    assert found.shape == (6, 12)
    for image, row in zip(pixels, found, strict=True):
        patches = extract_patches(image, 5, 3)
        counts = np.zeros(12)
        for patch in patches:
            counts[nearest_word(dictionary, patch)] += 1
        np.testing.assert_allclose(row, counts / len(patches))


def test_components_are_those_of_all_patches_at_equal_variance() -> None:
    pixels = noise(6)
    dictionary = learn_dictionary(training_set(pixels), SMALL)
    patches = np.concatenate([extract_patches(image, 5, 3) for image in pixels])
    axes = np.linalg.svd(patches - patches.mean(axis=0), full_matrices=False)[2][:4]
    overlaps = np.abs(np.sum(axes * dictionary.components.components_, axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-6)
    points = (patches - patches.mean(axis=0)) @ axes.T / dictionary.scale
    np.testing.assert_allclose(points.std(axis=0, ddof=1), 1, atol=1e-3)


def test_no_more_patches_than_the_limit_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(40)
    everything = {
        patch.tobytes() for image in pixels for patch in extract_patches(image, 5, 3).round(6)
    }
    monkeypatch.setattr(visual_words, "_MOST_PATCHES", 100)
    drawn = visual_words._draw(training_set(pixels), SMALL)
    assert drawn.shape == (100, 25)
    assert {patch.tobytes() for patch in drawn.round(6)} <= everything
    other = visual_words._draw(training_set(pixels, seed=1), SMALL)
    assert not np.array_equal(drawn, other)
    monkeypatch.setattr(visual_words, "_MOST_NUMBERS", 25 * 60)
    assert len(visual_words._draw(training_set(pixels), SMALL)) == 60


def test_every_patch_is_drawn_once_where_there_are_few() -> None:
    pixels = noise(5)
    drawn = visual_words._draw(training_set(pixels), SMALL)
    in_order = [pixels[i] for i in (4, 2, 0, 1, 3)]
    expected = np.concatenate([extract_patches(image, 5, 3) for image in in_order])
    np.testing.assert_array_equal(drawn, expected)


def test_the_words_follow_from_the_seed_of_the_training_set() -> None:
    options = SMALL.model_copy(update={"words": 6})
    first, again, other = (
        learn_dictionary(training_set(noise(6), seed), options).words.cluster_centers_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_histogram_does_not_depend_on_the_other_images() -> None:
    pixels = noise(9)
    dictionary = learn_dictionary(training_set(pixels), SMALL)
    together = dictionary.histograms(pixels)
    for i in range(9):
        np.testing.assert_array_equal(dictionary.histograms(pixels[i : i + 1])[0], together[i])


def test_more_words_and_components_than_there_can_be() -> None:
    options = BagOfWordsOptions(kind="bag-of-words", patch=3, stride=9, components=99, words=999)
    pixels = noise(3)
    dictionary = learn_dictionary(training_set(pixels), options)
    assert dictionary.components.n_components_ == 9
    assert len(dictionary.words.cluster_centers_) == 3 * 2 * 2
    assert dictionary.histograms(pixels).sum() == pytest.approx(3)


def test_words_that_stand_for_nothing_never_occur() -> None:
    """Grey images of two levels: two different patches, and one real component among four."""
    pixels = np.array([50, 200, 50, 200], dtype=np.uint8)[:, None, None, None]
    pixels = np.broadcast_to(pixels, (4, 20, 17, 1)).copy()
    dictionary = learn_dictionary(training_set(pixels), SMALL)
    found = dictionary.histograms(pixels)
    assert np.count_nonzero(found.sum(axis=0)) == 2
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])
