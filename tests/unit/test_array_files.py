from pathlib import Path

import numpy as np
import pytest

from augsearch.array_files import map_array, read_array, write_array
from augsearch.errors import StorageError


def test_only_a_whole_array_of_the_right_kind_is_mapped(tmp_path):
    path, values = tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3)
    assert map_array(path, "<f4", 2, 2) is None
    np.save(path, values)
    mapped = map_array(path, "<f4", 2, 2)
    assert np.array_equal(mapped, values)
    assert not mapped.flags.writeable
    for dtype, dimensions, length in (("<f8", 2, 2), ("<f4", 1, 2), ("<f4", 2, 3)):
        assert map_array(path, dtype, dimensions, length) is None
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole + b"x", b"", b"no array"):
        path.write_bytes(damaged)
        assert map_array(path, "<f4", 2, 2) is None


def test_any_changed_bit_of_an_array_is_noticed(tmp_path, flips):
    path, values = tmp_path / "a.npy", np.arange(4, dtype=np.float32)
    write_array(path, values)
    whole = path.read_bytes()
    assert np.array_equal(np.load(path), values)  # NumPy reads it as any other
    for damaged in flips(whole):
        path.write_bytes(damaged)
        assert map_array(path, "<f4", 1, 4) is None
        with pytest.raises(StorageError, match=r"a\.npy: .*Remove it to have it made again"):
            read_array(path)
    for length in range(len(whole) - 9):
        path.write_bytes(whole[:length])
        assert map_array(path, "<f4", 1, 4) is None
    path.write_bytes(whole)
    assert np.array_equal(read_array(path), values)


def test_an_array_is_checked_once(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(4))
    read_array(path)
    monkeypatch.setattr("augsearch.array_files._tail_of", lambda *_: pytest.fail("read again"))
    assert np.array_equal(read_array(path), np.arange(4))


def test_a_damaged_array_is_not_mapped_while_its_error_is_handled(tmp_path):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(3))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    try:
        read_array(path)
    except StorageError:
        mapped = Path("/proc/self/maps").read_text()
    assert str(path) not in mapped
