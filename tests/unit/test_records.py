import math

import numpy as np
import pytest

from augsearch.records import (
    Evaluation,
    ImageBlock,
    LabelledImages,
    Portion,
    TrainingSet,
    content_key,
)
from augsearch.seeds import Seed


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


def test_a_training_sets_images_in_memory():
    first = Portion(ImageBlock.of(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)), [2, 0], [1, 0])
    second = Portion(ImageBlock.of(np.full((1, 1, 1, 1), 9, np.uint8)), [0], [1])
    images = TrainingSet((first, second), 2, Seed.of(0)).images(("no", "yes"))
    assert images.pixels.ravel().tolist() == [2, 0, 9]
    assert images.labels.tolist() == [1, 0, 1]
    assert len(set(images.groups.tolist())) == len(set(images.names)) == 3
    assert images.classes == ("no", "yes")


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
