import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.seeds import Seed
from augsearch.sources.base import Expert, FitContext, Pool, Source
from augsearch.sources.pools.kinds import UnlabelledPool
from augsearch.sources.pools.numbering import STREAM, by_blocks
from augsearch.sources.selection.select import Selection
from augsearch.study.schema.selection import SelectOptions
from augsearch.testing.images import toy_images

TRAIN = toy_images((4, 4), size=2)


def drawn(label, start, stop):
    def block(number):
        rng = Seed.of(label, number).generator()
        return rng.integers(0, 256, (64, 2, 2, 1), dtype=np.uint8)

    return by_blocks(block, start, stop)


class Labelled(Pool):
    def images(self, label, start, stop):
        return drawn(label, start, stop)


class Mixed(UnlabelledPool):
    def __init__(self):
        pass

    def candidates(self, start, stop):
        return drawn(2, start, stop)


class Fixed(Source):
    def __init__(self, pool):
        self.pool = pool

    def fit(self, train, context):
        return self.pool


class Eyes(Expert):
    def predict_proba(self, pixels):
        second = pixels[:, 0, 0, 0] // 16 / 15  # many ties
        return np.stack([1 - second, second], axis=1)

    def embedding(self, pixels):
        raise NotImplementedError

    def training_images(self, label):
        raise NotImplementedError


def selected(kind, options, folder):
    context = FitContext("made", 0, Seed.of(0), Path(folder), expert=Eyes())
    return Selection(Fixed(kind()), options).fit(TRAIN, context)


OPTIONS = st.one_of(
    st.builds(
        lambda threshold, of: SelectOptions(by="confidence", threshold=threshold, of=of),
        st.floats(0.3, 0.8),
        st.integers(200, 700),
    ),
    st.integers(1, 150).flatmap(
        lambda of: st.builds(
            lambda best: SelectOptions(by="confidence", best=best, of=of),
            st.integers(max(1, of // 10), of),
        )
    ),
)
KINDS = st.sampled_from([Labelled, Mixed])
REQUESTS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 65_536]), st.integers(0, 80)),
    min_size=1,
    max_size=4,
)


def images(pool, label, stream, start, stop):
    size = pool.size(label)
    start, stop = (n if size is None else min(n, size) for n in (start, stop))
    return pool.images(label, stream * STREAM + start, stream * STREAM + stop)


@settings(max_examples=25)
@given(kind=KINDS, options=OPTIONS, requests=REQUESTS, again=st.randoms(use_true_random=False))
def test_images_do_not_depend_on_what_was_asked_before_or_by_whom(kind, options, requests, again):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        pool = selected(kind, options, one)
        given_ = {request: images(pool, *request[:2], 0, request[2]) for request in requests}
        again.shuffle(requests)
        for folder in (one, other):  # resumed, and anew
            later = selected(kind, options, folder)
            for request in requests:
                assert np.array_equal(images(later, *request[:2], 0, request[2]), given_[request])


@settings(max_examples=25)
@given(kind=KINDS, options=OPTIONS, length=st.integers(0, 120), cut=st.integers(0, 120))
def test_a_larger_amount_contains_every_smaller_one(kind, options, length, cut):
    with tempfile.TemporaryDirectory() as folder:
        pool = selected(kind, options, folder)
        whole = images(pool, 1, 3, 0, length)
        cut = min(cut, length)
        assert np.array_equal(images(pool, 1, 3, 0, cut), whole[:cut])
        assert np.array_equal(images(pool, 1, 3, cut, length), whole[cut:])


@settings(max_examples=25)
@given(kind=KINDS, threshold=st.floats(0.1, 0.9), lower=st.floats(0, 0.1), of=st.integers(1, 600))
def test_a_lower_threshold_and_more_candidates_never_keep_fewer(kind, threshold, lower, of):
    def sizes(threshold, of):
        with tempfile.TemporaryDirectory() as folder:
            options = SelectOptions(by="confidence", threshold=threshold, of=of)
            pool = selected(kind, options, folder)
            return np.array([pool.size(0), pool.size(1)])

    strict = sizes(threshold, of)
    assert (sizes(threshold - lower, of) >= strict).all()
    assert (sizes(threshold, of + 50) >= strict).all()
    assert (strict <= of).all()
