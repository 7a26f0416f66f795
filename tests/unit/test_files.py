import os
import subprocess
import sys

import numpy as np
import pytest

from augsearch.errors import RunDirectoryError, StorageError
from augsearch.files import exclusive, map_array, read_json, replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(KeyError), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyError("killed")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_one_clear_error_and_a_second_try_works(tmp_path, monkeypatch):
    target = tmp_path / "a.json"

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"No space left on device.*same command"):
            write_json(target, {"a": 1})
    assert list(tmp_path.iterdir()) == []
    write_json(target, {"a": 1})
    assert read_json(target) == {"a": 1}


def test_damaged_json_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(StorageError, match=r"a\.json"):
        read_json(path)


def test_the_second_process_is_told_who_holds_the_lock(tmp_path):
    lock = tmp_path / "run.lock"
    program = (
        "import sys, pathlib\n"
        "from augsearch.files import exclusive\n"
        f"with exclusive(pathlib.Path({str(lock)!r})):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunDirectoryError, match=f"in use by process {holder.pid} on"),
            exclusive(lock),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with exclusive(lock):  # the kill freed it
        pass


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
