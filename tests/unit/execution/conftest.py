"""Stand-ins that are quick and say what they were given."""

import numpy as np
import pytest

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.execution.folds import FoldImages
from augsearch.records import ImageBlock, Portion
from augsearch.seeds import Seed
from augsearch.sources.base import Pool
from augsearch.sources.pools.store import PoolStore


class NearestMean(Classifier):
    """A class is as probable as its mean training image is near; keeps all training sets."""

    fits_together = True

    def __init__(self):
        self.sets = []

    def fit(self, training_sets, notify=None):
        self.sets += training_sets
        return [FittedMean(training_set) for training_set in training_sets]


class FittedMean(FittedClassifier):
    def __init__(self, training_set):
        pixels, labels = images_of(training_set)
        flat = pixels.reshape(len(pixels), -1)
        self.means = np.stack(
            [flat[labels == label].mean(axis=0) for label in range(training_set.n_classes)]
        )

    def predict_proba(self, block):
        flat = np.asarray(block.pixels).reshape(len(block), 1, -1)
        nearness = -((flat - self.means) ** 2).mean(axis=2) / 1000
        weights = np.exp(nearness - nearness.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


def images_of(training_set):
    """All pixels and labels of a training set, in its order."""
    pixels = np.concatenate([part.block.pixels[part.rows] for part in training_set.portions])
    return pixels, np.concatenate([part.labels for part in training_set.portions])


class Numbered(Pool):
    """Image i of class c has i in its first eight bytes, c in the next, and noise in the last."""

    def __init__(self, size=None):
        self._size = size

    def size(self, label):
        return self._size

    def images(self, label, start, stop):
        pixels = np.zeros((stop - start, 4, 4, 1), dtype=np.uint8)
        numbers = np.arange(start, stop, dtype=">u8").view(np.uint8).reshape(-1, 8)
        pixels[:, :2, :, 0] = numbers.reshape(-1, 2, 4)
        pixels[:, 2, 0, 0] = label
        pixels[:, 3, :, 0] = np.arange(start, stop)[:, None] % 1009 * [37, 101, 59, 83] % 256
        return pixels


def added(training_set):
    """(class, number) of each `Numbered` image of a training set, in its order."""
    found = []
    for part in training_set.portions[1:]:  # the first portion is the real images
        pixels = np.ascontiguousarray(part.block.pixels[part.rows])
        numbers = pixels[:, :2, :, 0].reshape(-1, 8).copy().view(">u8").ravel().tolist()
        assert pixels[:, 2, 0, 0].tolist() == part.labels.tolist()
        found += zip(part.labels.tolist(), numbers, strict=True)
    return found


def noisy_images(counts, size=4, seed=0):
    """Pixels and labels; class c is brighter by 12 c, which much noise hides."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = rng.normal(110, 40, (len(labels), size, size, 1))
    pixels = np.clip(noise + 12 * labels[:, None, None, None], 0, 255).astype(np.uint8)
    return pixels, labels


def block_of(counts, seed, spare=3):
    """Images in reverse order, in a block that begins with `spare` ones that do not count."""
    pixels, labels = noisy_images(counts, seed=seed)
    rows = np.arange(len(labels), dtype=np.int64)[::-1].copy() + spare
    everything = np.concatenate([np.full((spare, *pixels.shape[1:]), 255, np.uint8), pixels])
    return Portion(ImageBlock.of(everything), rows, labels[::-1].astype(np.int64))


@pytest.fixture
def classifier():
    return NearestMean()


@pytest.fixture
def make_fold(tmp_path):
    """Give (number, class counts) -> a fold with an endless and a finite `Numbered` source."""

    def make(number=0, counts=(6, 4)):
        pools = {
            name: PoolStore(Numbered(size), tmp_path / f"{name}-{number}")
            for name, size in (("endless", None), ("finite", 300))
        }
        train, tune = block_of(counts, 2 * number), block_of((15, 15), 2 * number + 1)
        return FoldImages(number, train, tune, len(counts), Seed.of(3), pools)

    return make


@pytest.fixture
def read():
    """Look into training sets: `read.images(set)`, `read.added(set)`; and `read.noisy(counts)`."""

    class Read:
        images = staticmethod(images_of)
        added = staticmethod(added)
        noisy = staticmethod(noisy_images)

    return Read
