import numpy as np

from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.repeat import Repeat
from augsearch.testing.images import toy_images


def test_twice_the_class_is_every_image_twice_and_nothing_else():
    train = toy_images((5, 3))
    context = FitContext("repeat", 0, Seed.of(0), folder=None)
    pool = Repeat().fit(train, context)
    images = pool.images(1, 0, 6)
    counts = [sum(np.array_equal(image, own) for image in images) for own in train.pixels]
    assert counts == [0, 0, 0, 0, 0, 2, 2, 2]
    assert pool.size(1) is None
