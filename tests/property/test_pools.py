import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.records import content_key
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.classic import Classic
from augsearch.sources.pools.numbering import STREAM
from augsearch.sources.pools.order import BalancedOrder
from augsearch.sources.pools.store import PoolStore
from augsearch.study.schema.sources import ClassicOptions
from augsearch.testing.images import toy_images

TRAIN = toy_images((5, 3), size=8)
OPTIONS = ClassicOptions(kind="classic", scale=0.1, brightness=0.1)
POOL = Classic(OPTIONS).fit(TRAIN, FitContext("classic", 0, Seed.of(0), folder=Path()))
STARTS = st.sampled_from([0, 1, 63, 64, STREAM - 10, STREAM, 70_000 * STREAM])
REQUESTS = st.lists(
    st.tuples(st.integers(0, 1), STARTS, st.integers(0, 150)), min_size=1, max_size=5
)


def joined(blocks):
    empty = np.empty((0, 8, 8, 1), dtype=np.uint8)
    return np.concatenate([empty, *(block.pixels[rows] for block, rows in blocks)])


@settings(max_examples=25)
@given(requests=REQUESTS, again=st.randoms(use_true_random=False))
def test_any_order_of_requests_gives_the_images_and_keys_of_the_pool(requests, again):
    with tempfile.TemporaryDirectory() as name:
        store, keys = PoolStore(POOL, Path(name)), {}
        for request in requests:
            label, start, count = request
            blocks = store.blocks(*request)
            assert np.array_equal(joined(blocks), POOL.images(label, start, start + count))
            assert all(block.key == content_key(block.pixels) for block, _ in blocks)
            keys[request] = [block.key for block, _ in blocks]
        again.shuffle(requests)
        reopened = PoolStore(POOL, Path(name))
        for request in requests:
            assert [block.key for block, _ in reopened.blocks(*request)] == keys[request]


@settings(max_examples=50)
@given(start=st.integers(0, 300), length=st.integers(0, 200), cut=st.integers(0, 200))
def test_a_slice_of_a_pool_is_the_slice_of_a_longer_one(start, length, cut):
    whole = POOL.images(0, start, start + length)
    cut = min(cut, length)
    assert np.array_equal(POOL.images(0, start, start + cut), whole[:cut])
    assert np.array_equal(POOL.images(0, start + cut, start + length), whole[cut:])


@given(
    counts=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stream=st.integers(0, 1 << 20),
    count=st.integers(1, 60),
)
def test_every_amount_of_a_stream_is_balanced_over_the_training_images(counts, stream, count):
    order = BalancedOrder(toy_images(counts, size=8), Seed.of(0))
    rows = order.rows(1, stream * STREAM, stream * STREAM + count) - counts[0]
    uses = np.bincount(rows, minlength=counts[1])
    assert len(uses) == counts[1] and np.ptp(uses) <= 1
