import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.seeds import Seed
from augsearch.sources.pools.numbering import STREAM
from augsearch.sources.pools.order import BalancedOrder
from augsearch.testing.images import toy_images


def order(seed=0):
    return BalancedOrder(toy_images((5, 3)), Seed.of(seed))


def test_each_round_takes_every_image_of_the_class_once():
    rounds = order().rows(1, 0, 12).reshape(4, 3)
    assert np.array_equal(np.sort(rounds, axis=1), np.tile([5, 6, 7], (4, 1)))


def test_rounds_and_seeds_and_streams_differ_in_their_order():
    rounds = order().rows(0, 0, 50).reshape(10, 5)
    assert len(np.unique(rounds, axis=0)) > 3
    assert not np.array_equal(order(0).rows(0, 0, 50), order(1).rows(0, 0, 50))
    assert not np.array_equal(order().rows(0, 0, 50), order().rows(0, STREAM, STREAM + 50))


@pytest.mark.parametrize("stream", [1, 3, 1 << 16])
def test_a_stream_starts_with_a_whole_round(stream):
    rows = order().rows(0, stream * STREAM, stream * STREAM + 5)
    assert sorted(rows) == [0, 1, 2, 3, 4]


def test_a_slice_across_two_streams_is_the_two_ends_joined():
    both = order().rows(0, STREAM - 7, STREAM + 7)
    halves = order().rows(0, STREAM - 7, STREAM), order().rows(0, STREAM, STREAM + 7)
    assert np.array_equal(both, np.concatenate(halves))


def test_a_class_without_images_is_named():
    empty = BalancedOrder(toy_images((5, 0)), Seed.of(0))
    with pytest.raises(SourceError, match=r"at least 1 training image of class 'class-1'.* are 0"):
        empty.rows(1, 0, 1)
