"""Names in an artifact store, and the file system behind its URL."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from augsearch.errors import AugsearchError, StorageError
from augsearch.messages import masked

_NAME = re.compile(r"(.+)@(\d+)-(\d+)-([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class StoredFile:
    """One version of a file in a store; of several the largest is the newest.

    Attributes:
        path: Where it belongs, relative to the root, with slashes.
        version: Counts the contents that this file has had, from 1.
        size: Bytes.
        sha256: Of its content.
    """

    path: str
    version: int
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Its name in the store."""
        return f"{self.path}@{self.version}-{self.size}-{self.sha256}"

    @classmethod
    def parse(cls, name: str) -> StoredFile | None:
        """Return what a name says; None if it is no such name, or leads out of the root."""
        match = _NAME.fullmatch(name)
        if match is None or not is_inside(match[1]):
            return None
        return cls(match[1], int(match[2]), int(match[3]), match[4])


def is_inside(path: str) -> bool:
    """Return whether a relative path stays below the folder that it starts at."""
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and not path.startswith("/") and "\\" not in path


class PassedOnError(Exception):
    """What `answering` lets through: it says something about a file, not about the store."""


@contextlib.contextmanager
def answering(url: str) -> Iterator[None]:
    """Name what goes wrong with a store during the block.

    Raises:
        StorageError: Whatever it is: every kind of store has exceptions of its own.
    """
    try:
        yield
    except (AugsearchError, PassedOnError):
        raise
    except Exception as error:
        reason = masked(" ".join(str(error).split()) or type(error).__name__)
        raise StorageError(
            f"the artifact store {masked(url)} must answer but does not: {reason[:200]}. See that "
            "it is there and lets you in; the same command then goes on where it stopped."
        ) from error


def open_file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path in it, without a slash at the end.

    Raises:
        StorageError: No such kind of store is known, what it needs is not installed, or it does
            not answer.
    """
    from fsspec.core import url_to_fs

    with answering(url):
        try:
            system, path = url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise StorageError(
                f"the artifact store must be a URL that fsspec takes but got {masked(url)}: "
                f"{masked(str(error))}. Give file:///folder, s3://bucket/folder (after "
                "pip install 'augsearch[s3]') or another one."
            ) from error
    return system, str(path).rstrip("/")


def folders(url: str) -> list[str]:
    """Return the names of the folders right below a URL.

    Raises:
        StorageError: The store does not answer.
    """
    system, base = open_file_system(url)
    with answering(url):
        system.invalidate_cache()
        try:
            found = system.ls(base, detail=True)
        except FileNotFoundError:
            return []
    names = (PurePosixPath(one["name"]).name for one in found if one["type"] == "directory")
    return sorted(names)
