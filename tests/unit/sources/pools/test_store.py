import errno
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

from augsearch.array_files import write_array
from augsearch.errors import SourceError, StorageError
from augsearch.records import content_key
from augsearch.sources.base import Pool
from augsearch.sources.pools import store
from augsearch.sources.pools.store import PoolStore


class Counting(Pool):
    """Image i of class c is filled with a number made of both; remembers what it was asked."""

    def __init__(self, size=None):
        self.end = size
        self.asked = []

    def size(self, label):
        return self.end

    def images(self, label, start, stop):
        if self.end is not None and stop > self.end:
            raise SourceError(f"only {self.end} but {stop} are needed")
        self.asked.append((label, start, stop))
        values = (np.arange(start, stop) * 7 + label).astype(np.uint8)
        return np.tile(values[:, None, None, None], (1, 4, 4, 1))


def joined(blocks):
    return np.concatenate([block.pixels[rows] for block, rows in blocks])


def test_what_comes_back_is_what_the_pool_gives(tmp_path):
    pool = Counting()
    far = (1 << 48) + 30
    blocks = PoolStore(pool, tmp_path).blocks(1, far, 200)
    assert np.array_equal(joined(blocks), Counting().images(1, far, far + 200))
    assert [len(rows) for _, rows in blocks] == [34, 64, 64, 38]
    assert all(block.key == content_key(block.pixels) for block, _ in blocks)
    assert pool.asked[0] == (1, 1 << 48, (1 << 48) + 64)


def test_no_images_are_no_blocks(tmp_path):
    assert PoolStore(Counting(), tmp_path).blocks(0, 10, 0) == []
    assert PoolStore(Counting(0), tmp_path).blocks(0, 0, 0) == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_made_twice_even_by_a_new_store(tmp_path):
    pool = Counting()
    store = PoolStore(pool, tmp_path)
    store.blocks(0, 0, 100)
    store.blocks(0, 50, 100)
    assert pool.asked == [(0, 0, 64), (0, 64, 128), (0, 128, 192)]
    later = Counting()
    assert np.array_equal(
        joined(PoolStore(later, tmp_path).blocks(0, 0, 192)), Counting().images(0, 0, 192)
    )
    assert later.asked == []


def test_keys_do_not_depend_on_what_was_asked_before(tmp_path):
    one, other = PoolStore(Counting(), tmp_path / "a"), PoolStore(Counting(), tmp_path / "b")
    for count in (10, 70, 200):
        one.blocks(0, 0, count)
    keys = [[block.key for block, _ in store.blocks(0, 0, 200)] for store in (one, other)]
    assert keys[0] == keys[1]


def test_a_finite_pool_is_used_to_its_end_and_not_beyond(tmp_path):
    store = PoolStore(Counting(100), tmp_path)
    assert np.array_equal(joined(store.blocks(0, 0, 100)), Counting().images(0, 0, 100))
    assert [len(block) for block, _ in store.blocks(0, 0, 100)] == [64, 36]
    assert store.size(0) == 100
    with pytest.raises(SourceError, match="only 100 but 101 are needed"):
        store.blocks(0, 0, 101)


def test_an_extent_of_an_older_shorter_pool_is_not_taken_for_the_new_one(tmp_path):
    PoolStore(Counting(100), tmp_path).blocks(0, 0, 100)
    images = joined(PoolStore(Counting(120), tmp_path).blocks(0, 0, 120))
    assert np.array_equal(images, Counting().images(0, 0, 120))


@pytest.mark.parametrize("damage", ["empty", "header", "one byte short", "one byte long"])
def test_a_damaged_extent_is_made_again(tmp_path, damage):
    PoolStore(Counting(), tmp_path).blocks(0, 0, 128)
    path = sorted(tmp_path.iterdir())[0]
    whole = path.read_bytes()
    cut = {"empty": b"", "header": whole[:40], "one byte short": whole[:-1]}
    path.write_bytes(cut.get(damage, whole + b"\0"))
    pool = Counting()
    images = joined(PoolStore(pool, tmp_path).blocks(0, 0, 128))
    assert np.array_equal(images, Counting().images(0, 0, 128))
    assert pool.asked == [(0, 0, 64)]
    assert path.read_bytes() == whole


def test_a_block_whose_file_is_lost_says_so(tmp_path):
    block, _ = PoolStore(Counting(), tmp_path).blocks(0, 0, 1)[0]
    next(tmp_path.iterdir()).unlink()
    with pytest.raises(StorageError, match="damaged or gone; start the same command again"):
        _ = block.pixels


def test_left_over_and_foreign_files_are_ignored(tmp_path):
    (tmp_path / ".class0_0-64_abc.npy.17.tmp").write_bytes(b"half")
    (tmp_path / "notes.npy").write_bytes(b"")
    assert len(joined(PoolStore(Counting(), tmp_path).blocks(0, 0, 10))) == 10


def test_a_full_disk_leaves_nothing_half_written_and_can_be_tried_again(tmp_path, monkeypatch):
    store = PoolStore(Counting(), tmp_path / "pool")
    store.blocks(0, 0, 64)
    before = sorted(path.name for path in (tmp_path / "pool").iterdir())

    def full(file, array, **options):
        file.write(array.tobytes()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(StorageError, match="No space left on device"):
            store.blocks(0, 0, 128)
    assert sorted(path.name for path in (tmp_path / "pool").iterdir()) == before
    assert np.array_equal(joined(store.blocks(0, 0, 128)), Counting().images(0, 0, 128))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_many_blocks_hold_no_files_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    blocks = PoolStore(Counting(), tmp_path).blocks(0, 0, 64 * 50)
    assert len(blocks) == 50
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_a_block_is_read_only_and_small_when_pickled(tmp_path):
    block, _ = PoolStore(Counting(), tmp_path).blocks(0, 0, 1)[0]
    assert not block.pixels.flags.writeable
    copy = pickle.loads(pickle.dumps(block))
    assert len(pickle.dumps(block)) < 1000 < block.pixels.nbytes
    assert copy.key == block.key and np.array_equal(copy.pixels, block.pixels)


class Broken(Counting):
    def images(self, label, start, stop):
        return super().images(label, start, stop).astype(np.float32)


def test_what_is_no_image_is_refused_before_it_is_stored(tmp_path):
    with pytest.raises(SourceError, match=r"uint8 images of shape \(64, H, W, C\).*float32"):
        PoolStore(Broken(), tmp_path).blocks(0, 0, 1)
    assert not any(tmp_path.iterdir())


def test_what_another_process_made_meanwhile_is_not_made_again(tmp_path):
    pool = Counting()
    store = PoolStore(pool, tmp_path)
    store.blocks(0, 0, 64)
    PoolStore(Counting(), tmp_path).blocks(0, 64, 64)
    made = list(pool.asked)
    images = joined(store.blocks(0, 0, 128))
    assert pool.asked == made
    assert np.array_equal(images, Counting().images(0, 0, 128))


def test_no_file_is_read_twice_however_many_amounts_there_are(tmp_path, monkeypatch):
    read = []

    def remembered(path, *shape):
        read.append(path)
        return map_array(path, *shape)

    PoolStore(Counting(), tmp_path).blocks(0, 0, 128)
    map_array = store.map_array
    monkeypatch.setattr(store, "map_array", remembered)
    pool = Counting()
    own = PoolStore(pool, tmp_path)
    for amount in range(64, 64 * 6, 64):
        own.blocks(0, 0, amount)
        own.blocks(1, 0, amount)
    assert len(read) == 2
    assert len({*pool.asked}) == len(pool.asked) == 8


def test_a_pickled_store_is_small_and_finds_its_images_again(tmp_path):
    store = PoolStore(Counting(), tmp_path)
    store.blocks(0, 0, 64 * 50)
    content = pickle.dumps(store)
    assert len(content) < 1000
    again = pickle.loads(content)
    keys = [[block.key for block, _ in one.blocks(0, 0, 64 * 50)] for one in (store, again)]
    assert keys[0] == keys[1]
    assert len(list(tmp_path.iterdir())) == 50


class Reusing(Counting):
    """Gives the same memory every time."""

    def __init__(self):
        super().__init__()
        self.memory = np.empty((64, 4, 4, 1), dtype=np.uint8)

    def images(self, label, start, stop):
        self.memory[:] = super().images(label, start, stop)
        return self.memory


def test_an_extent_is_written_while_the_pool_makes_the_next(tmp_path, monkeypatch):
    pool, order = Reusing(), []
    next_is_made = threading.Event()

    def write(path, values):
        order.append("written" if next_is_made.wait(30) else "waited for")
        write_array(path, values)

    def images(label, start, stop):
        if start:
            next_is_made.set()
        return Reusing.images(pool, label, start, stop)

    monkeypatch.setattr(store, "write_array", write)
    monkeypatch.setattr(pool, "images", images)
    blocks = PoolStore(pool, tmp_path).blocks(0, 0, 192)
    assert order == ["written"] * 3
    assert np.array_equal(joined(blocks), Counting().images(0, 0, 192))
    assert all(block.key == content_key(block.pixels) for block, _ in blocks)


def test_what_was_made_before_an_error_stays(tmp_path):
    pool = Counting()
    with pytest.raises(SourceError, match="wrong"):
        PoolStore(Failing(), tmp_path).blocks(0, 0, 500)
    PoolStore(pool, tmp_path).blocks(0, 0, 500)
    assert pool.asked[0] == (0, 320, 384)


class Failing(Counting):
    def images(self, label, start, stop):
        if start == 320:
            raise SourceError("wrong")
        return super().images(label, start, stop)
