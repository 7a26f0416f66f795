import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.evaluation.images.copies import copy_threshold, nearest_training, thumbnails
from augsearch.events import Selected
from augsearch.seeds import Seed
from augsearch.sources.base import Expert, FitContext, Pool, Source
from augsearch.sources.pools.numbering import STREAM, by_blocks
from augsearch.sources.selection.grading import CHUNK
from augsearch.sources.selection.quarantine import quarantined
from augsearch.sources.selection.sifted_pool import PATIENCE
from augsearch.testing.images import toy_images
from augsearch.testing.sources import check_source

TRAIN = toy_images((12, 9), size=6)


def is_copy(label, number):
    """Which images of a stream are copies: about every third, differently in each class."""
    return (number * 7 + label) % 3 == 0


class Copying(Pool):
    """Bright noise far from all real images, and these with a little noise among it."""

    def __init__(self, end=None, streams=None):
        self.end, self.streams = end, streams

    def size(self, label):
        return self.end

    def has_streams(self, label):
        return self.end is None if self.streams is None else self.streams

    def images(self, label, start, stop):
        return by_blocks(lambda block: self.block(label, block), start, stop)

    def block(self, label, block):
        return mixed_block(label, block)


@cache
def mixed_block(label, block):
    own = TRAIN.pixels[TRAIN.labels == label].astype(np.int64)
    images = []
    for number in range(64 * block, 64 * block + 64):
        random = Seed.of(0, label, number).generator()
        fresh = 180 + random.integers(0, 56, own.shape[1:])
        copy = own[number % len(own)] + random.integers(-2, 3, own.shape[1:])
        images.append(copy if is_copy(label, number) else fresh)
    return np.stack(images).astype(np.uint8)


class Only(Copying):
    """Gives training images and nothing else."""

    def block(self, label, block):
        own = TRAIN.pixels[TRAIN.labels == label]
        return own[np.arange(64 * block, 64 * block + 64) % len(own)]


class Eyes(Expert):
    def __init__(self):
        self.asked = 0

    def predict_proba(self, pixels):
        raise AssertionError("a quarantine asks for features alone")

    def embedding(self, pixels):
        self.asked += len(pixels)
        return thumbnails(pixels)[:, ::2]

    def training_images(self, label):
        return TRAIN.pixels[TRAIN.labels == label]


class Blind(Eyes):
    def embedding(self, pixels):
        raise SourceError("it has none")


@pytest.fixture
def context(tmp_path):
    return FitContext("made", 1, Seed.of(0), tmp_path / "fit", expert=Eyes())


def kept_numbers(label, start, count):
    found = []
    number = start
    while len(found) < count:
        found += [] if is_copy(label, number) else [number]
        number += 1
    return found


def expected(pool, label, numbers):
    return np.concatenate([pool.images(label, number, number + 1) for number in numbers])


@pytest.mark.parametrize("expert", [Eyes(), Blind(), None])
@pytest.mark.parametrize("stream", [0, 3])
def test_what_remains_is_the_stream_without_its_copies(expert, stream, context):
    pool = quarantined(Copying(), TRAIN, replace(context, expert=expert))
    for label in (0, 1):
        assert pool.size(label) is None and pool.has_streams(label)
        numbers = kept_numbers(label, stream * STREAM, 300)
        images = pool.images(label, stream * STREAM, stream * STREAM + 300)
        assert np.array_equal(images, expected(Copying(), label, numbers))
        part = pool.images(label, stream * STREAM + 70, stream * STREAM + 75)
        assert np.array_equal(part, images[70:75])


def test_the_threshold_knows_training_images_alone(context):
    """No image of the pool decides about another: the same image is kept beside whatever else."""
    points = thumbnails(TRAIN.pixels)
    both = nearest_training(points, points, (TRAIN.groups, TRAIN.groups))
    threshold = copy_threshold(both.relative, TRAIN.groups).value

    class Near(Copying):
        def block(self, label, block):
            random = Seed.of(1, label, block).generator()
            noise = random.integers(0, 256, (64, 6, 6, 1))
            share = random.random((64, 1, 1, 1))
            return (share * TRAIN.pixels[:1] + (1 - share) * noise).astype(np.uint8)

    pool = quarantined(Near(), TRAIN, replace(context, expert=None))
    made = Near().images(0, 0, 200)
    kept = made[nearest_training(thumbnails(made), points).relative >= threshold]
    assert 20 < len(kept) < 180
    assert np.array_equal(pool.images(0, 0, len(kept)), kept)


def test_a_source_that_ends_has_as_many_as_remain_for_all_replicates(context):
    for streams in (False, True):
        pool = quarantined(Copying(100, streams), TRAIN, context)
        remain = sum(not is_copy(1, number) for number in range(100))
        assert pool.size(1) == remain and not pool.has_streams(1)
        assert np.array_equal(
            pool.images(1, 0, remain), expected(Copying(), 1, kept_numbers(1, 0, remain))
        )
        with pytest.raises(SourceError, match=f"only {remain} images of class 'class-1' that are"):
            pool.images(1, 0, remain + 1)


def test_a_source_of_nothing_but_copies_is_given_up(context):
    pool = quarantined(Only(), TRAIN, context)
    with pytest.raises(SourceError, match=r"only 0 images .*are no copies.*quarantine = false"):
        pool.images(0, 0, 1)
    assert context.expert.asked <= (PATIENCE + 5) * CHUNK
    assert quarantined(Only(40), TRAIN, replace(context, name="other")).size(0) == 0


def test_what_was_dropped_is_told_and_no_image_graded_twice(context):
    told = []
    for _ in range(2):
        quarantined(Copying(), TRAIN, replace(context, notify=told.append))
    asked = context.expert.asked
    assert asked == 2 * CHUNK + len(TRAIN)  # of the second time, nothing
    events = [event for event in told if isinstance(event, Selected)]
    kept = {
        name: sum(not is_copy(label, number) for number in range(CHUNK))
        for label, name in enumerate(TRAIN.classes)
    }
    assert events[0] == events[1] == Selected("made", 1, dict.fromkeys(kept, CHUNK), kept)
    record = json.loads((context.folder / "quarantine.json").read_text())
    assert record == {"made": dict.fromkeys(kept, CHUNK), "kept": kept}


def test_duplicates_among_training_images_tell_nothing(context):
    twice = TRAIN.take([*range(len(TRAIN)), *range(len(TRAIN))])
    twice = replace(twice, groups=np.arange(len(twice)))
    pool = quarantined(Copying(), twice, context)
    assert np.array_equal(pool.images(0, 0, 50), Copying().images(0, 0, 50))


def test_one_group_of_training_images_is_not_enough(context):
    one = replace(TRAIN, groups=np.zeros(len(TRAIN), dtype=np.int64))
    with pytest.raises(SourceError, match="at least 2 groups"):
        quarantined(Copying(), one, context).images(0, 0, 1)


class Fixed(Source):
    def __init__(self, pool):
        self.pool = pool

    def fit(self, train, context):
        return quarantined(self.pool, TRAIN, context)


@pytest.mark.parametrize("pool", [Copying(), Copying(300), Copying(150, True)])
def test_a_source_in_quarantine_conforms(pool, context):
    check_source(Fixed(pool), TRAIN, context)
