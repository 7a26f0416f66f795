import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.seeds import Seed
from augsearch.sources.arrays import ArraySource
from augsearch.sources.base import FitContext
from augsearch.testing.images import toy_images
from augsearch.testing.sources import check_source

TRAIN = toy_images((4, 5), size=16)
MADE = toy_images((9, 7), size=16, seed=1)


def fit(images, folder, seed=0):
    return ArraySource(images).fit(TRAIN, FitContext("made", 0, Seed.of(seed), folder))


def test_it_keeps_the_promises_of_a_source(tmp_path):
    check_source(ArraySource(MADE), TRAIN, FitContext("made", 0, Seed.of(0), tmp_path))


@pytest.mark.parametrize(("label", "count"), [(0, 9), (1, 7)])
def test_every_image_comes_once_with_its_class_in_an_order_of_the_seed(tmp_path, label, count):
    first, second = (fit(MADE, tmp_path, seed).images(label, 0, count) for seed in (0, 1))
    own = MADE.pixels[MADE.labels == label]
    assert sorted(one.tobytes() for one in first) == sorted(one.tobytes() for one in own)
    assert not np.array_equal(first, second)
    with pytest.raises(SourceError, match=f"has only {count} images of class 'class-{label}'"):
        fit(MADE, tmp_path).images(label, 0, count + 1)


def test_a_class_may_have_no_image_and_others_must_not_have_any(tmp_path):
    assert ArraySource(MADE).sizes(("no", "yes", "perhaps")) == [9, 7, 0]
    with pytest.raises(SourceError, match="of the 1 classes of the training images but go up to 1"):
        ArraySource(MADE).sizes(("no",))


def test_images_of_another_size_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"\(16, 16, 1\), but have \(8, 8, 1\); resize them"):
        fit(toy_images((3, 3), size=8), tmp_path)
