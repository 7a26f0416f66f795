"""Archives of NumPy arrays from anywhere, read without trusting what they say of themselves.

Nothing is unpickled. An array that is small by nature is read whole once its size is known to be;
images are read one after the other, so that a few kilobytes that unpack to gigabytes cost time and
no memory.
"""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from augsearch.errors import AugsearchError, DataError
from augsearch.messages import names

LARGEST_IMAGE = 2**30
"""Bytes of a single image."""

_BULK = 2**24
_MOST_SQUEEZED = 200
"""Times that an array above 16 MiB may be larger than it is in the archive."""

_LARGEST_ARRAY = 2**28
"""Bytes of an array that is read whole."""


@dataclass(frozen=True)
class Header:
    """What an array says of itself; whether it is true shows when it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """An opened .npz file.

    Args:
        path: The file, for messages.
        file: The same, opened.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self._path = path
        self._file = file
        self.names = [name.removesuffix(".npy") for name in file.namelist()]

    def header(self, key: str) -> Header:
        """Return shape and type of an array.

        Raises:
            DataError: It is not there, or is none that can be read.
        """
        with self._opened(key) as member:
            return _header(member)

    def array(self, key: str) -> NDArray[Any]:
        """Read an array of at most 256 MiB.

        Raises:
            DataError: It is not there, is none that can be read, or is larger.
        """
        with self._opened(key) as member:
            return self._whole(key, _header(member), member)

    def rows(self, key: str) -> Iterator[NDArray[Any]]:
        """Read an array one entry of its first axis after the other.

        Raises:
            DataError: It is not there, is none that can be read, or an entry is too large.
        """
        with self._opened(key) as member:
            header = _header(member)
            if header.is_fortran and len(header.shape) > 1:
                yield from self._whole(key, header, member)
                return
            count, shape = header.shape[0], header.shape[1:]
            size = math.prod(shape) * header.dtype.itemsize
            if size > LARGEST_IMAGE:
                raise DataError(f"{self._path}: an entry of {key} must fit into 1 GiB")
            for _ in range(count):
                yield np.frombuffer(_exactly(member, size), header.dtype).reshape(shape)

    def _whole(self, key: str, header: Header, member: IO[bytes]) -> NDArray[Any]:
        if header.n_bytes > _LARGEST_ARRAY:
            order = " in C order (numpy.ascontiguousarray)" if header.is_fortran else ""
            raise DataError(
                f"{self._path}: {key} must have at most {_LARGEST_ARRAY:,} bytes but claims "
                f"{header.n_bytes:,}; save a smaller one{order}"
            )
        content = _exactly(member, header.n_bytes)
        array = np.frombuffer(content, header.dtype)
        return array.reshape(header.shape, order="F" if header.is_fortran else "C")

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[IO[bytes]]:
        member = next((f"{key}{end}" for end in (".npy", "") if self._has(f"{key}{end}")), None)
        if member is None:
            raise DataError(f"{self._path} must hold {key} but holds {names(self.names)}")
        info = self._file.NameToInfo[member]
        if info.file_size > _BULK and info.file_size > _MOST_SQUEEZED * info.compress_size:
            raise DataError(
                f"{self._path}: {key} must be images or labels but unpacks to "
                f"{info.file_size / info.compress_size:,.0f} times its size, as nothing but a "
                "constant does; save it by numpy.savez if it is what it should be"
            )
        with _reading(f"{self._path}: {key} cannot be read"), self._file.open(member) as file:
            yield file

    def _has(self, member: str) -> bool:
        return member in self._file.NameToInfo


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[Archive]:
    """Open a .npz file.

    Raises:
        DataError: It is none.
    """
    with contextlib.ExitStack() as stack:
        if _begins_with(path, npy.MAGIC_PREFIX):
            raise DataError(f"{path} must be a .npz file (several arrays) but is a single array")
        with _reading(f"{path} must be a .npz file (several arrays) but cannot be read"):
            archive = Archive(path, stack.enter_context(zipfile.ZipFile(path)))
        yield archive


def _begins_with(path: Path, prefix: bytes) -> bool:
    problem = f"{path} must be a .npz file (several arrays) but cannot be read"
    with _reading(problem), path.open("rb") as file:
        return file.read(len(prefix)) == prefix


@contextlib.contextmanager
def _reading(problem: str) -> Iterator[None]:
    try:
        yield
    except AugsearchError:
        raise
    except Exception as error:  # foreign bytes make zipfile and NumPy fail in every way there is
        raise DataError(f"{problem}: {str(error).strip() or type(error).__name__}") from error


def _header(member: IO[bytes]) -> Header:
    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, and nothing in a file of images is ever run")
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} is none")
    return Header(shape, dtype, is_fortran)


def _exactly(member: IO[bytes], size: int) -> bytes:
    content = member.read(size)
    if len(content) != size:
        raise ValueError("the file ends too early")
    return content
