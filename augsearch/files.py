"""Atomic writing: a file is there whole or not at all, whatever moment the process is killed at.

JSON that augsearch reads back carries a checksum (CRC-32) in the blanks at its end, which every
reader skips, so that what a disk or a copy has changed is refused and never becomes a wrong number.
Files without one (of an earlier version, or written by hand) are taken as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import threading
import time
import traceback
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from augsearch.errors import RunDirectoryError, StorageError
from augsearch.reading import LARGEST_JSON, read_whole

_BLANKS = str.maketrans("01", " \t")

_LONG = 200
"""Characters of a path; Windows takes 259, but 247 of a folder, and a file may be for a time beside
`path` under a longer name."""


def real_path(path: Path) -> Path:
    """Return an absolute path without links, as far as they lead anywhere.

    `Path.resolve` raises RuntimeError where links go round in a circle.
    """
    return Path(os.path.realpath(path))


def _beside(path: Path) -> Path:
    """Return a temporary path that is this thread's own, also in a folder that machines share."""
    own = f"{platform.node()}-{os.getpid()}-{threading.get_ident()}"
    # Cut, so that the path is not longer than that of a pool's file: Windows takes 259 characters.
    return path.with_name(f".{path.name[:40]}.{own}.tmp")


def _rename(temporary: Path, path: Path) -> None:
    """Rename a file, patiently on Windows: there nobody may have either open, not even a scanner.

    Raises:
        OSError: It cannot be renamed.
    """
    for pause_s in (0.01, 0.1, 1.0, 4.0):
        try:
            temporary.replace(path)
            return
        except PermissionError as error:
            if not hasattr(error, "winerror"):
                raise
            time.sleep(pause_s)
    temporary.replace(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and renamed to `path`.

    Raises:
        StorageError: Nothing could be written (disk full, no permission), or `path` is a folder, a
            device or a pipe. `path` is untouched.
    """
    if path.exists() and not path.is_file():
        raise StorageError(f"cannot write {path}: it is there and no file. Name another place.")
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        _rename(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success it is renamed to `path`, else removed.

    Raises:
        StorageError: `path` is there and not an empty folder, or nothing could be written (disk
            full, no permission).
    """
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise StorageError(f"{path} exists already; remove it, or name another --out.")
    temporary = _beside(path)
    kept = next(folder for folder in path.parents if folder.exists())
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.rmdir()  # Windows renames nothing onto a folder
        _rename(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        remove_empty(path.parent, kept)


def let_go(error: BaseException | None) -> None:
    """Let go of all that the calls which an error has ended were working on.

    Windows removes no file that is still mapped into memory.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def remove_empty(folder: Path, kept: Path) -> None:
    """Remove `folder` and the folders above it, as far as they are empty, up to `kept`."""
    with contextlib.suppress(OSError):  # something else was put there meanwhile
        while folder != kept:
            folder.rmdir()
            folder = folder.parent


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error to raise where writing `path` failed."""
    if isinstance(error, FileNotFoundError) and len(str(path)) > _LONG:
        return StorageError(
            f"cannot write {path}: the path must be of a length that the system takes but has "
            f"{len(str(path))} characters. Choose a shorter --out, or let Windows take long paths."
        )
    return StorageError(
        f"cannot write {path}: {error.strerror or error}. Free some space or choose another "
        "--out; the same command then goes on where it stopped."
    )


def unreadable(path: Path, error: Exception) -> StorageError:
    """Return the error to raise where what stands in `path` is not what was written."""
    reason = " ".join(str(error).split())
    return StorageError(f"cannot read {path}: {reason}. Remove it to have it made again.")


def append_line(path: Path, line: str) -> None:
    """Append one line of text and its checksum to a log.

    Raises:
        StorageError: Nothing could be written.
    """
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{sealed(line)}\n")
    except OSError as error:
        raise unwritable(path, error) from error


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a log, but those that a kill has torn or a disk has changed."""
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        with contextlib.suppress(ValueError):
            yield unsealed(line)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically, with the line ends that it has: a checksum counts them."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON and a checksum, atomically; no NaN, no infinities."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text(path, f"{sealed(text)}\n")


def sealed(text: str) -> str:
    """Return JSON with its checksum behind it."""
    return text + _blanks(text.encode())


def _blanks(content: bytes) -> str:
    """Return the checksum as 32 blanks: a space is a 0, a tab a 1."""
    return f"{zlib.crc32(content):032b}".translate(_BLANKS)


def unsealed(whole: bytes) -> bytes:
    """Return JSON without the checksum behind it; some has none.

    Raises:
        ValueError: It is not what was written.
    """
    content = whole.rstrip(b" \t\r\n")
    blanks = whole[len(content) :].strip(b"\r\n")
    if blanks and blanks != _blanks(content).encode():
        raise ValueError("its content does not match its checksum")
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file that augsearch wrote.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        return json.loads(unsealed(read_whole(path, LARGEST_JSON)))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error) from error


@contextlib.contextmanager
def exclusive(path: Path, owned: Path | None = None) -> Iterator[None]:
    """Hold the lock file `path`; the operating system frees it when the process dies.

    Args:
        path: The lock file.
        owned: What it guards, to be named; default: its folder.

    Raises:
        RunDirectoryError: Another process holds it; the message says which.
        StorageError: It cannot be written.
    """
    holder = path.with_name(path.name + ".holder")
    # Kept there, too: it tells a run directory from others.
    lock = FileLock(path, preserve_lock_file=os.name == "nt")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        who = "another process"
        with contextlib.suppress(OSError):
            who = holder.read_text(encoding="utf-8") or who
        raise RunDirectoryError(
            f"{owned or path.parent} is in use by {who}: one process at a time can work on it; "
            "wait for it, stop it, or work in another place."
        ) from None
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. Choose a place that can be written: "
            "another --out, or a copy of the run."
        ) from error
    try:
        with contextlib.suppress(OSError):  # a courtesy; the lock does not depend on it
            holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
