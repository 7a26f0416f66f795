import math

import numpy as np
import pytest

from augsearch import records
from augsearch.errors import DataError
from augsearch.records import (
    Evaluation,
    ImageBlock,
    LabelledImages,
    Portion,
    TrainingSet,
    content_key,
    pixels_of,
)
from augsearch.seeds import Seed


def portion(rows, shape=(6, 4, 4, 1), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    pixels.flags.writeable = False
    return Portion(ImageBlock.of(pixels), np.array(rows, np.int64), np.array(rows, np.int64) % 2)


def test_a_mean_that_is_undefined_is_nan():
    assert math.isnan(Evaluation.of(1, [math.inf, -math.inf]).score)
    assert math.isnan(Evaluation.of(1, [1e308, 1e308, 1e308]).score)
    assert math.isnan(Evaluation.of(1, [0.5, math.nan]).score)
    assert Evaluation.of(1, [0.5, math.inf]).score == math.inf
    assert type(Evaluation.of(2, [0.25]).multiple) is float


def test_a_content_key_depends_on_shape_and_bytes_alone():
    pixels = np.arange(2000 * 2 * 2, dtype=np.uint8).reshape(2000, 2, 2, 1)
    assert (
        content_key(pixels) == content_key(np.asfortranarray(pixels)) == ImageBlock.of(pixels).key
    )
    assert content_key(pixels) != content_key(pixels.reshape(2000, 4, 1, 1))
    changed = pixels.copy()
    changed[-1, -1, -1] += 1
    assert content_key(pixels) != content_key(changed)


@pytest.mark.parametrize("at_a_time", [1, 2, 1024])
def test_a_training_sets_images_in_memory(at_a_time, monkeypatch):
    monkeypatch.setattr(records, "_ROWS", at_a_time)
    portions = (portion([5, 0, 0]), portion([]), portion([1, 2], seed=1))
    expected = [portions[0].block.pixels[row] for row in (5, 0, 0)]
    expected += [portions[2].block.pixels[row] for row in (1, 2)]
    images = TrainingSet(portions, 2, Seed.of(0)).images(("no", "yes"))
    np.testing.assert_array_equal(images.pixels, np.stack(expected))
    assert images.labels.tolist() == [1, 0, 0, 1, 0]
    assert len(set(images.groups.tolist())) == len(set(images.names)) == 5
    assert images.classes == ("no", "yes")


def test_images_of_two_shapes_are_refused():
    both = portion([0]), portion([0], (1, 5, 5, 1))
    with pytest.raises(DataError, match=r"of one shape but are of \(4, 4, 1\) and \(5, 5, 1\)"):
        TrainingSet(both, 2, Seed.of(0)).images(("no", "yes"))
    assert pixels_of([], (4, 4, 1)).shape == (0, 4, 4, 1)


@pytest.mark.parametrize("rows", [[3, 1, 1], []])
def test_take_keeps_images_and_labels_together(rows):
    labels = np.array([0, 1, 1, 0])
    images = LabelledImages(
        pixels=np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1),
        labels=labels,
        groups=np.array([5, 6, 7, 8]),
        names=("a", "b", "c", "d"),
        classes=("x", "y", "z"),
    )
    taken = images.take(rows)
    assert taken.pixels.ravel().tolist() == rows
    assert taken.labels.tolist() == labels[np.array(rows, dtype=int)].tolist()
    assert taken.names == tuple("abcd"[row] for row in rows)
    assert images.class_counts() == (2, 2, 0)
