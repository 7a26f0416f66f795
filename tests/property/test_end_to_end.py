"""A trained network's outputs for an image, whatever stands beside it; and its mini-batches."""

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from augsearch.classifiers.base import FittedClassifier
from augsearch.classifiers.end_to_end.batches import batches_of
from augsearch.classifiers.end_to_end.classifier import EndToEnd
from augsearch.records import ImageBlock
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.testing.images import toy_images, toy_training_sets

PIXELS = toy_images((80, 70), 16, seed=9).pixels


@cache
def _fitted(network: str) -> tuple[FittedClassifier, NDArray[np.float64]]:
    options = EndToEndOptions(kind="end-to-end", network=network, epochs=1, batch_size=8)
    (fitted,) = EndToEnd(options).fit(toy_training_sets(1, size=16))
    return fitted, fitted.predict_proba(ImageBlock.of(PIXELS))


@settings(max_examples=12)
@given(
    network=st.sampled_from(["fridadar2018", "roglin2022"]),
    rows=st.lists(st.integers(0, len(PIXELS) - 1), max_size=140),
)
def test_an_image_gets_the_same_bits_in_any_company(network: str, rows: list[int]) -> None:
    (fitted, expected), chosen = _fitted(network), np.array(rows, dtype=np.int64)
    found = fitted.predict_proba(ImageBlock.of(PIXELS[chosen]))
    np.testing.assert_array_equal(found, expected[chosen])


@given(
    n_images=st.integers(2, 300),
    batch_size=st.integers(2, 70),
    epoch=st.integers(0, 1000),
    seed=st.integers(0, 5),
)
def test_an_epoch_is_every_image_once_in_batches_of_two_or_more(
    n_images: int, batch_size: int, epoch: int, seed: int
) -> None:
    batches = batches_of(n_images, batch_size, epoch, Seed.of(seed))
    assert sorted(np.concatenate(batches).tolist()) == list(range(n_images))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 2 <= len(batches[-1]) <= batch_size + 1
