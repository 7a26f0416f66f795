import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.array_files import write_array
from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen import feature_store
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.classifiers.network_inputs import batch_size
from augsearch.errors import StorageError
from augsearch.events import Advanced, Event
from augsearch.records import ImageBlock


class CountingBackbone(Backbone):
    def __init__(self, name: str = "counting", fail_after: int | None = None) -> None:
        self.seen = 0
        self.calls: list[int] = []
        self.name = name
        self.fail_after = fail_after

    @property
    def fingerprint(self) -> str:
        return self.name

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.fail_after is not None and self.seen >= self.fail_after:
            raise RuntimeError("killed")
        self.seen += len(images)
        self.calls.append(len(images))
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
    FeatureStore(CountingBackbone(), tmp_path).features(block(2500), events.append)
    assert events == [Advanced(n, 2500, "images") for n in (1024, 2048, 2500)]


def test_no_images_leave_no_file(tmp_path: Path) -> None:
    empty = ImageBlock.of(np.zeros((0, 2, 2, 1), dtype=np.uint8))
    assert FeatureStore(CountingBackbone(), tmp_path).features(empty).shape == (0, 4)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: BinaryIO, *args: object, **options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    images = block(2500)
    with monkeypatch.context() as patched, pytest.raises(StorageError, match="No space left"):
        patched.setattr(np, "save", full)
        FeatureStore(CountingBackbone(), tmp_path).make([images, block(3)])
    assert list(tmp_path.iterdir()) == []
    assert len(FeatureStore(CountingBackbone(), tmp_path).features(images)) == 2500


def test_many_blocks_are_made_as_one_stream(tmp_path: Path) -> None:
    backbone = CountingBackbone()
    store = FeatureStore(backbone, tmp_path)
    store.features(block(40))
    backbone.calls.clear()
    events: list[Event] = []
    blocks = [block(n) for n in (700, 40, 64, 1500, 300, 0)]
    store.make(blocks, events.append)
    # 40 is there already; 700 and 64 share a call; 1500 is cut.
    assert backbone.calls == [764, 1024, 776]
    assert [event.done for event in events if isinstance(event, Advanced)] == [
        700, 764, 1788, 2264, 2564,
    ]  # fmt: skip
    for one in blocks[:-1]:
        expected = one.pixels.reshape(len(one), -1).astype(np.float32)
        np.testing.assert_array_equal(store.features(one), expected)
    assert sum(backbone.calls) == 2564


def test_images_of_other_shapes_go_through_apart(tmp_path: Path) -> None:
    backbone = CountingBackbone()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), dtype=np.uint8)
    FeatureStore(backbone, tmp_path).make([block(5), ImageBlock.of(pixels), block(6)])
    assert backbone.calls == [5, 9, 6]


def test_large_images_go_through_a_few_at_a_time(tmp_path: Path) -> None:
    backbone = CountingBackbone()
    pixels = np.zeros((20, 1500, 1500, 1), dtype=np.uint8)
    FeatureStore(backbone, tmp_path).features(ImageBlock.of(pixels))
    assert backbone.calls == [16, 4]


def test_a_batch_is_filled_whatever_its_images_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_CHUNK_BYTES", 16 * block(1).pixels.nbytes)
    backbone = CountingBackbone()
    backbone.batch = 64
    FeatureStore(backbone, tmp_path).make([block(n) for n in (29, 30, 31)])
    assert backbone.calls == [59, 31]


class Recording(CountingBackbone):
    """Tells what was begun and what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def begin(self, images: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        number = sum(one.startswith("begin") for one in self.told)
        self.told.append(f"begin {number}")

        def wait() -> NDArray[np.float32]:
            self.told.append(f"wait {number}")
            return self.features(images)

        return wait


def test_a_chunk_is_begun_before_the_one_before_it_is_waited_for(tmp_path: Path) -> None:
    backbone, images = Recording(), block(2500)
    features = FeatureStore(backbone, tmp_path).features(images)
    assert backbone.told == ["begin 0", "begin 1", "wait 0", "begin 2", "wait 1", "wait 2"]
    np.testing.assert_array_equal(features, images.pixels.reshape(2500, 4).astype(np.float32))


@pytest.mark.parametrize("side", [32, 56, 112, 224, 256, 299, 320, 448, 512, 1024])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_chunks_are_whole_batches(device: str, side: int, channels: int) -> None:
    most = feature_store._most_images(np.zeros((1, side, side, channels), dtype=np.uint8))
    assert most % batch_size(side, device) == 0


def test_what_was_made_before_a_kill_stays(tmp_path: Path) -> None:
    blocks = [block(n) for n in (1000, 900, 800)]
    with pytest.raises(RuntimeError, match="killed"):
        FeatureStore(CountingBackbone(fail_after=1900), tmp_path).make(blocks)
    backbone = CountingBackbone()
    FeatureStore(backbone, tmp_path).make(blocks)
    assert backbone.seen == 800


def test_the_backbone_does_not_wait_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone, waited = CountingBackbone(), []
    again = threading.Event()

    def slow(path: Path, values: NDArray[np.float32]) -> None:
        waited.append(again.wait(10))
        again.set()
        write_array(path, values)

    class Announcing(Backbone):
        fingerprint = "announcing"

        def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            if backbone.calls:
                again.set()
            return backbone.features(images)

    monkeypatch.setattr("augsearch.classifiers.frozen.feature_store.write_array", slow)
    FeatureStore(Announcing(), tmp_path).make([block(64 + n) for n in range(20)])
    assert len(backbone.calls) == 2
    assert waited == [True] * 20
    assert len(list(tmp_path.iterdir())) == 20
