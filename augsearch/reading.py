"""Reading whole files that somebody handed over: only if they are files, and only if they end."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

LARGEST_JSON = 2**26
"""Bytes of a JSON file; those of a run of 100,000 images have 1 MB."""


def read_whole(path: Path, most: int) -> bytes:
    """Read a file that somebody handed over, if it is one and no larger than it should be.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        OSError: It cannot be read, is a device or a pipe (which may never end), or is larger.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a device or a pipe and no file", str(path))
    if status.st_size > most:
        reason = f"has {status.st_size:,} bytes, more than the {most:,} that such a file may have"
        raise OSError(errno.EFBIG, reason, str(path))
    return path.read_bytes()


def content_hash(path: Path) -> str | None:
    """Return the SHA-256 (hex) of a file, which may be made anew under its name and in its size.

    None if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
