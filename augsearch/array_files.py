"""Arrays on disk as .npy files, each written whole, with a checksum, and mapped into memory.

The checksum (CRC-32) stands behind the values, where NumPy does not look, and is checked once by
every process: what a disk or a copy has changed is made again or refused. Files without one (of an
earlier version, or written by hand) are taken as they are.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from augsearch.files import let_go, replacing, unreadable

_NO_ARRAY = (
    OSError,
    ValueError,
    EOFError,
    TypeError,
    OverflowError,
    SyntaxError,
    TokenError,
    MemoryError,
)
"""What NumPy was seen to raise on files that are no .npy, or lie about what they hold."""

_CHUNK = 1 << 20
_MARK = b"crc32"
_TAIL = len(_MARK) + 4

_checked: set[tuple[str, int, int, int]] = set()
"""Arrays whose checksum was right: path, inode, size and time of change."""


def write_array(path: Path, values: NDArray[Any]) -> None:
    """Write an array as .npy with a checksum, atomically."""
    # Plain writing, not through a memory map: on a full disk that would end in SIGBUS.
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.save(file, np.ascontiguousarray(values), allow_pickle=False)
        add_checksum(temporary)


def add_checksum(path: Path) -> None:
    """Put its checksum behind a .npy file that is not in its place yet."""
    with path.open("rb+") as file:
        tail = _tail_of(file, path.stat().st_size)
        file.write(tail)


def _tail_of(file: BinaryIO, length: int) -> bytes:
    """Read `length` bytes and return what belongs behind them."""
    found = 0
    while length > 0 and (chunk := file.read(min(length, _CHUNK))):
        found = zlib.crc32(chunk, found)
        length -= len(chunk)
    return _MARK + found.to_bytes(4, "little")


def _mapped(path: Path) -> NDArray[Any]:
    """Map a .npy file, read-only, whose length and checksum are right.

    Raises:
        Exception: One of `_NO_ARRAY`.
    """
    array: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    end = int(array.offset) + array.nbytes
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        file.seek(max(0, status.st_size - _TAIL))
        tail = file.read()
        length = end + _TAIL * tail.startswith(_MARK)
        if status.st_size != length:
            raise ValueError(f"it must have {length} bytes but has {status.st_size}")
        seen = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if length > end and seen not in _checked:
            file.seek(0)
            if _tail_of(file, end) != tail:
                raise ValueError("its content does not match its checksum")
            _checked.add(seen)
    return array


def read_array(path: Path) -> NDArray[Any]:
    """Read back a .npy file that augsearch wrote.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        # Mapped first: a header that claims more than the file has is refused, not allocated.
        return np.array(_mapped(path))
    except _NO_ARRAY as error:
        let_go(error)  # who makes the file again does so while the error is handled
        raise unreadable(path, error) from error


def map_array(path: Path, dtype: DTypeLike, dimensions: int, length: int) -> NDArray[Any] | None:
    """Map a .npy file that augsearch wrote, read-only; a process reads it once, to check it.

    Returns:
        The array; None if it is missing, damaged, cut short, or of another type or length.
    """
    try:
        array = _mapped(path)
    except _NO_ARRAY:
        return None
    fits = array.dtype == dtype and array.ndim == dimensions and len(array) == length
    return array if fits else None
