import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from augsearch.array_files import map_array, write_array
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.files import (
    exclusive,
    let_go,
    new_folder,
    read_json,
    real_path,
    replacing,
    write_json,
    write_text,
)


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


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "b"
    with pytest.raises(KeyError), new_folder(target) as folder:
        (folder / "half.txt").write_text("half")
        raise KeyError("killed")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match="No space left"), new_folder(target):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
    with new_folder(target) as folder:
        (folder / "whole.txt").write_text("whole")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole.txt"]
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def test_a_new_folder_replaces_nothing(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    for name in ("file", "full", "link"):
        refused = pytest.raises(StorageError, match=f"{name} exists already; remove it")
        with refused, new_folder(tmp_path / name):
            raise AssertionError
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "a").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["a"]


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


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    path, inside, failed = tmp_path / "a", threading.Barrier(2, timeout=30), []

    def write():
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(b"whole")
                inside.wait()
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_machines_that_share_a_folder_do_not_write_into_the_same_file(tmp_path, monkeypatch):
    names = set()
    for machine in ("one", "other"):
        monkeypatch.setattr("augsearch.files.platform.node", lambda machine=machine: machine)
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text(machine)
            names.add(temporary.name)
    assert len(names) == 2
    assert (tmp_path / "a.txt").read_text() == "other"


def test_any_changed_bit_of_a_remembered_fact_is_noticed(tmp_path, flips):
    path, fact = tmp_path / "a.json", {"multiples": [1, 14.5], "arm": "Größe", "at": None}
    write_json(path, fact)
    whole = path.read_bytes()
    assert json.loads(whole) == fact  # every reader skips the checksum
    for damaged in flips(whole):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match=r"a\.json: .*Remove it to have it made again"):
            read_json(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert read_json(path) == fact
        except StorageError:
            continue
    path.write_text(json.dumps(fact))  # written by hand or by an earlier version
    assert read_json(path) == fact


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    """As root, `--out /dev/null` would have made it one."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link", "."):
        with pytest.raises(StorageError, match=r"it is there and no file\. Name another place"):
            write_text(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_a_circle_of_links_has_a_real_path(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "loop" / "x") == tmp_path / "loop" / "x"


def test_a_file_that_a_scanner_has_open_on_windows_is_renamed_a_little_later(tmp_path, monkeypatch):
    scanned = PermissionError(13, "Access is denied")
    refusals, replace, pauses = [scanned, scanned], os.replace, []

    def refuse_at_first(source, target):
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_at_first)
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(StorageError, match="Access is denied"):  # elsewhere it stays so
        write_text(tmp_path / "a", "new")
    assert not pauses
    scanned.winerror, refusals[:] = 5, [scanned, scanned]
    write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert len(pauses) == 2


def test_a_path_that_is_too_long_for_windows_is_named_as_such(tmp_path):
    refused = pytest.raises(StorageError, match=r"has \d{3} characters\. Choose a shorter --out")
    with refused, replacing(tmp_path.joinpath(*["x" * 60] * 4)):
        raise FileNotFoundError(2, "No such file or directory")


def test_a_temporary_name_is_no_longer_than_that_of_a_pools_extent(tmp_path):
    path = tmp_path / f"class0_281474976710656-281474976710720_{'0' * 64}.npy"
    with replacing(path) as temporary:
        temporary.touch()
    assert len(temporary.name) < len(path.name)


def test_what_an_error_holds_can_be_let_go_of(tmp_path):
    write_array(tmp_path / "a.npy", np.arange(3))

    def read():
        array = map_array(tmp_path / "a.npy", np.int64, 1, 3)
        raise KeyError(len(array))

    with pytest.raises(ValueError) as raised:
        try:
            read()
        except KeyError:
            raise ValueError from None
    assert str(tmp_path) in Path("/proc/self/maps").read_text(encoding="utf-8")
    let_go(raised.value)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_text_keeps_its_line_ends_where_they_have_two_characters(tmp_path, monkeypatch):
    def as_on_windows(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None):
        end = "\r\n" if newline is None and "w" in mode and "b" not in mode else newline
        return open(file, mode, buffering, encoding, errors, end)  # noqa: PTH123

    monkeypatch.setattr(io, "open", as_on_windows)
    write_json(tmp_path / "a.json", {"a": 1, "b": [2]})
    assert read_json(tmp_path / "a.json") == {"a": 1, "b": [2]}
    write_text(tmp_path / "a.csv", "a,b\r\n1,2\r\n")
    assert (tmp_path / "a.csv").read_bytes() == b"a,b\r\n1,2\r\n"
