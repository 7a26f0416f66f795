"""A pool goes from its source to the bank of features without ever being in memory whole."""

import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen import feature_store
from augsearch.classifiers.frozen.feature_bank import FeatureBank
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.events import silent
from augsearch.records import Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.sources.base import Pool
from augsearch.sources.pools import store
from augsearch.sources.pools.store import PoolStore

SIDE = 32


class Noise(Pool):
    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        rng = Seed.of(label, start).generator()
        return rng.integers(0, 256, (stop - start, SIDE, SIDE, 3), dtype=np.uint8)


class Means(Backbone):
    fingerprint = "means"

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return images.mean(axis=(1, 2), dtype=np.float32)


def bank_of(count: int, folder: Path) -> tuple[FeatureBank, TrainingSet]:
    portions = [
        Portion(block, rows, np.full(len(rows), label))
        for label in range(2)
        for block, rows in PoolStore(Noise(), folder / "pool").blocks(label, 0, count)
    ]
    cell = TrainingSet(tuple(portions), 2, Seed.of(0))
    return FeatureBank(FeatureStore(Means(), folder / "features"), [cell], silent), cell


def peak_of(count: int, folder: Path) -> int:
    tracemalloc.start()
    bank_of(count, folder)[0].with_ones()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_CHUNK_BYTES", 64 * SIDE**2 * 3)
    for module in (store, feature_store):  # what waits to be written is little beside the pool
        monkeypatch.setattr(module, "_WAITING", 1)
    peak_of(64, tmp_path / "imports and caches")
    small, large = (
        # The lower of two: the interpreter's own tables grow by megabytes once in a while.
        min(peak_of(count, tmp_path / f"{count} images, {turn}") for turn in range(2))
        for count in (512, 2048)
    )
    more_pixels = 2 * (2048 - 512) * SIDE**2 * 3
    assert large - small < 0.1 * more_pixels  # the bank's own rows and the list of blocks


def test_more_blocks_than_files_that_may_be_open(tmp_path: Path) -> None:
    bank_of(64, tmp_path / "imports")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 30, before[1]))
    try:
        bank, cell = bank_of(64 * 40, tmp_path)
        features = bank.with_ones()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert features.shape == (2 * 64 * 40, 16)
    pixels = Noise().images(1, 64, 128)
    found = features[64 * 41 : 64 * 42]
    np.testing.assert_allclose(found[:, :3], pixels.mean(axis=(1, 2)), rtol=1e-5)
    assert (found[:, 3] == 1).all()
    np.testing.assert_array_equal(features[bank.rows(cell), :3], bank.gather(cell))
