from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.feature_store import FeatureStore
from augsearch.errors import StorageError
from augsearch.events import Advanced, Event
from augsearch.records import ImageBlock


class CountingBackbone(Backbone):
    def __init__(self, name: str = "counting", fail_after: int | None = None) -> None:
        self.seen = 0
        self.name = name
        self.fail_after = fail_after

    @property
    def fingerprint(self) -> str:
        return self.name

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.fail_after is not None and self.seen >= self.fail_after:
            raise OSError(28, "No space left on device")
        self.seen += len(images)
        return images.reshape(len(images), images[:1].size or 4).astype(np.float32)


def block(n: int) -> ImageBlock:
    return ImageBlock.of(np.random.default_rng(n).integers(0, 256, (n, 2, 2, 1), dtype=np.uint8))


def test_features_are_made_once_and_read_back(tmp_path: Path) -> None:
    backbone, images = CountingBackbone(), block(600)
    first = FeatureStore(backbone, tmp_path / "features").features(images)
    second = FeatureStore(backbone, tmp_path / "features").features(images)
    np.testing.assert_array_equal(first, images.pixels.reshape(600, 4).astype(np.float32))
    np.testing.assert_array_equal(second, first)
    assert backbone.seen == 600
    assert isinstance(second, np.memmap)
    assert first.dtype == np.float32
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_another_backbone_or_other_images_get_a_file_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for n in (3, 4):
            FeatureStore(CountingBackbone(name), tmp_path).features(block(n))
    assert len(list(tmp_path.glob("*.npy"))) == 4


@pytest.mark.parametrize(
    "damage", [lambda b: b[:100], lambda b: b[:-8], lambda b: b"", lambda b: b"x" * 500]
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    backbone = CountingBackbone()
    store, images = FeatureStore(backbone, tmp_path), block(50)
    expected = np.array(store.features(images))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(store.features(images), expected)
    assert backbone.seen == 100


def test_a_file_of_another_length_is_made_again(tmp_path: Path) -> None:
    backbone = CountingBackbone()
    store, images = FeatureStore(backbone, tmp_path), block(50)
    expected = np.array(store.features(images))
    (path,) = tmp_path.iterdir()
    np.save(path, expected[:49])
    np.testing.assert_array_equal(store.features(images), expected)


def test_progress_is_counted_in_images(tmp_path: Path) -> None:
    events: list[Event] = []
    FeatureStore(CountingBackbone(), tmp_path).features(block(600), events.append)
    assert events == [Advanced(n, 600, "images") for n in (256, 512, 600)]


def test_no_images_leave_no_file(tmp_path: Path) -> None:
    empty = ImageBlock.of(np.zeros((0, 2, 2, 1), dtype=np.uint8))
    assert FeatureStore(CountingBackbone(), tmp_path).features(empty).shape == (0, 4)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    images = block(600)
    with pytest.raises(StorageError, match="No space left"):
        FeatureStore(CountingBackbone(fail_after=256), tmp_path).features(images)
    assert list(tmp_path.iterdir()) == []
    assert len(FeatureStore(CountingBackbone(), tmp_path).features(images)) == 600
