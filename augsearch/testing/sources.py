"""Whether a source keeps its promises: determinism, nested amounts, independence of the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.records import LabelledImages, content_key
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.numbering import BLOCK, STREAM
from augsearch.testing.randomness import global_seed

FAR = STREAM + 5
"""Where a later replicate reads an endless pool."""


def check_source(source: Source, train: LabelledImages, context: FitContext) -> None:
    """Assert everything that augsearch relies on in a source.

    Two fits that differ in folder and in the state of the global random generators must give the
    same pool to the last bit, and so must a second fit in the first one's folder; any slice of
    the pool must equal the same slice of a longer one, whatever was asked before.

    Args:
        source: The source, with settings that make `fit` quick.
        train: Training images of at least two classes.
        context: Where to fit; its folder should be empty.

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    before = _fingerprint(train)
    with global_seed(1):
        pool = source.fit(train, context)
        assert _fingerprint(train) == before, "fit must leave the training images as they are"
        wanted = [_images(pool, label, train) for label in range(len(train.classes))]
    with global_seed(2):
        again = source.fit(train, context)
        fresh = source.fit(train, replace(context, folder=context.folder / "check-source"))
        for label in reversed(range(len(train.classes))):
            check_slices(pool, label, wanted[label])
            check_slices(again, label, wanted[label])
            check_slices(fresh, label, wanted[label])
    assert _fingerprint(train) == before, "a pool must leave the training images as they are"


def _fingerprint(train: LabelledImages) -> tuple[str, str]:
    return content_key(train.pixels), content_key(train.labels.view(np.uint8))


def _images(pool: Pool, label: int, train: LabelledImages) -> NDArray[np.uint8]:
    """Return about two and a half blocks of the class after checking size, dtype and shape."""
    size = pool.size(label)
    assert size is None or size >= 0, f"size must be None or at least 0 but is {size}"
    count = 2 * BLOCK + 23 if size is None else min(size, 2 * BLOCK + 23)
    images = pool.images(label, 0, count)
    shape = (count, *train.pixels.shape[1:])
    assert images.dtype == np.uint8, f"images must be uint8 but are {images.dtype}"
    assert images.shape == shape, f"images must have shape {shape} but have {images.shape}"
    if pool.has_streams(label) and (size is None or size >= FAR % STREAM + 2):
        far = pool.images(label, FAR, FAR + 2)
        assert far.shape == (2, *shape[1:]), f"image {FAR} of a pool with streams is missing"
    if size is not None:
        _check_end(pool, label, size)
    return images.copy()


def _check_end(pool: Pool, label: int, size: int) -> None:
    try:
        pool.images(label, size, size + 1)
    except SourceError:
        return
    raise AssertionError(f"image {size} of class {label} lies beyond size() but was given")


def check_slices(pool: Pool, label: int, images: NDArray[np.uint8]) -> None:
    """Assert that slices of the pool equal the slices of `images`, its first images.

    Raises:
        AssertionError: One differs, or a caller that writes into what it got changes the pool.
    """
    count = len(images)
    cuts = sorted({min(cut, count) for cut in (0, 1, 7, BLOCK - 1, BLOCK, BLOCK + 1, count)})
    slices = [(cut, cut) for cut in cuts]
    slices += [(start, stop) for start in cuts for stop in cuts if start < stop]
    for start, stop in reversed(slices):
        part = pool.images(label, start, stop)
        assert np.array_equal(part, images[start:stop]), (
            f"images {start} to {stop} of class {label} must be the same whatever was asked "
            "before and however many are asked for at once"
        )
        if part.flags.writeable:
            part[...] = 0
