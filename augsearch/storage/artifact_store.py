"""Folders of a run, mirrored in a folder or an S3-compatible store: whole files, checksummed.

A file lies in the store under its own path with version, size and SHA-256 behind it, and never
changes there: a new content is a new version, and older ones go once it has arrived. So whoever
reads beside whoever writes gets one whole content or another, a file that was torn on its way does
not count, and one that was damaged later is not taken for what it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any, final

from augsearch.errors import StorageError
from augsearch.events import Disturbed, Notify, silent
from augsearch.files import real_path, replacing
from augsearch.messages import masked
from augsearch.storage.remote import PassedOnError, StoredFile, answering, open_file_system

_CHUNK = 1 << 20
_PATIENCE_S = 30.0
"""How long a folder is looked at anew after somebody has replaced a file meanwhile."""

_STAYS_HERE = (".tmp", ".lock", ".holder", ".salt", ".db", ".db-journal", ".db-wal", ".db-shm")
"""Endings of what means something on one machine only (locks, databases that are in use), and of
the secret of pseudonyms."""


class _GoneError(PassedOnError):
    """A stored file is no longer there."""


class _DamagedError(PassedOnError):
    """A stored file is not what its checksum says."""


@final
class ArtifactStore:
    """Sends what a run made to a store, and fetches what is not here.

    Both may be repeated at any time and do what is left to do; a kill leaves nothing half-done that
    counts. An object may be pickled and used on another machine; equal ones mirror the same folder.

    Args:
        url: Where the run's files lie: any URL that fsspec takes.
        root: The folder that the store mirrors. Only what lies below it can be sent or fetched.
    """

    def __init__(self, url: str, root: Path) -> None:
        self._url = url
        self._root = root
        self._sent: dict[Path, tuple[int, int]] = {}

    def __reduce__(self) -> tuple[type[ArtifactStore], tuple[str, Path]]:
        return ArtifactStore, (self._url, self._root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArtifactStore) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash(self.__reduce__())

    def __repr__(self) -> str:
        return f"ArtifactStore({masked(self._url)!r}, {str(self._root)!r})"

    def push(self, folder: Path) -> int:
        """Send the files of a folder, and all below it, that the store has not as they are now.

        Those of the folder itself come last: they say what is there.

        Args:
            folder: The root or a folder below it; it need not be there.

        Returns:
            How many files were sent.

        Raises:
            StorageError: The store does not answer or takes nothing; what it took stays.
        """
        changed = [path for path in self._local(folder) if self._changed(path)]
        if not changed:
            return 0
        there = self._stored(folder, deep=True)
        return sum(self._send(path, there.get(self._relative(path), [])) for path in changed)

    def pull(self, folder: Path, *, deep: bool = True, notify: Notify = silent) -> int:
        """Fetch the files of a folder that are not here; what is here stays as it is.

        A file whose content is not what its checksum says is told, and removed from the store:
        it has to be made again.

        Args:
            folder: The root or a folder below it; made if there is anything to fetch.
            deep: Also what lies in the folders below.
            notify: Takes warnings.

        Returns:
            How many files were fetched.

        Raises:
            StorageError: The store does not answer, or nothing can be written here.
        """
        fetched, given_up = 0, math.inf
        while True:
            try:
                for path, versions in self._stored(folder, deep).items():
                    target = self._root / path
                    if not target.exists():
                        fetched += self._fetch(target, versions, notify)
                return fetched
            except _GoneError as error:  # a newer version came, and the older one went
                given_up = min(given_up, time.monotonic() + _PATIENCE_S)
                if time.monotonic() >= given_up:
                    raise StorageError(
                        f"{folder} cannot be fetched from {masked(self._url)}: its files change "
                        "all the time; see that no other run writes there, then start the same "
                        "command again."
                    ) from error

    def read(self, name: str) -> bytes | None:
        """Return the content of a file of the root in the store; None if it is not there.

        Raises:
            StorageError: The store does not answer.
        """
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "content"
            for stored in self._stored(self._root, deep=False).get(name, []):
                with contextlib.suppress(_DamagedError, _GoneError):
                    self._read(stored, target)
                    return target.read_bytes()
        return None

    @cached_property
    def _place(self) -> tuple[Any, str]:
        from fsspec.implementations.local import LocalFileSystem

        system, base = open_file_system(self._url)
        is_here = isinstance(system, LocalFileSystem)
        if is_here and real_path(Path(base)).is_relative_to(real_path(self._root)):
            # What is sent would be a new file to send.
            raise StorageError(
                f"the artifact store must lie outside the run directory, {self._root}, but would "
                f"keep its files in {base}; choose another folder."
            )
        return system, base

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _local(self, folder: Path) -> Iterator[Path]:
        for base, _, names in os.walk(folder, topdown=False):
            for name in sorted(names):
                if not name.endswith(_STAYS_HERE):
                    yield Path(base) / name

    def _changed(self, path: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return self._sent.get(path) != _stamp(path.stat())
        return False

    def _stored(self, folder: Path, deep: bool) -> dict[str, list[StoredFile]]:
        """Return path -> its whole versions in the store, the newest first."""
        system, base = self._place
        below = self._relative(folder)
        top = base if below == "." else f"{base}/{below}"
        with answering(self._url):
            system.invalidate_cache()
            found = system.find(top, maxdepth=None if deep else 1, detail=True)
        stored: dict[str, list[StoredFile]] = {}
        for name, info in found.items():
            file = StoredFile.parse(str(name).removeprefix(base).removeprefix("/"))
            if file is not None and file.size == info["size"]:
                stored.setdefault(file.path, []).append(file)
        return {path: sorted(versions, reverse=True) for path, versions in stored.items()}

    def _send(self, path: Path, versions: list[StoredFile]) -> int:
        """Send a file unless its newest version is the same; return how many were sent."""
        try:
            file = path.open("rb")
        except FileNotFoundError:  # it was renamed since the folder was looked at
            return 0
        # Kept open: what is sent is what was hashed, even if another file takes its place.
        with file:
            stamp = _stamp(os.fstat(file.fileno()))
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            same = bool(versions) and versions[0].sha256 == sha256
            if not same:
                number = versions[0].version + 1 if versions else 1
                file.seek(0)
                self._write(StoredFile(self._relative(path), number, stamp[0], sha256), file)
                self._remove(versions)
        self._sent[path] = stamp
        return 0 if same else 1

    def _write(self, stored: StoredFile, content: IO[bytes]) -> None:
        from fsspec.implementations.local import LocalFileSystem

        system, base = self._place
        name = f"{base}/{stored.name}"
        with answering(self._url):
            if isinstance(system, LocalFileSystem):
                with replacing(Path(name)) as temporary, temporary.open("wb") as target:
                    shutil.copyfileobj(content, target, _CHUNK)
                return
            try:
                target = system.open(name, "wb")
            except FileNotFoundError:  # a store that does not make folders by itself
                system.makedirs(name.rpartition("/")[0], exist_ok=True)
                target = system.open(name, "wb")
            with target:
                shutil.copyfileobj(content, target, _CHUNK)

    def _fetch(self, target: Path, versions: list[StoredFile], notify: Notify) -> int:
        """Fetch the newest version that is what its checksum says; return how many were."""
        for stored in versions:
            try:
                with replacing(target) as temporary:
                    self._read(stored, temporary)
            except _DamagedError:
                notify(
                    Disturbed(
                        f"{stored.path} in the artifact store {masked(self._url)} was damaged and "
                        "is made again"
                    )
                )
                self._remove([stored])
                continue
            self._sent[target] = _stamp(target.stat())
            return 1
        return 0

    def _read(self, stored: StoredFile, target: Path) -> None:
        system, base = self._place
        digest = hashlib.sha256()
        with answering(self._url), target.open("wb") as file:
            try:
                with system.open(f"{base}/{stored.name}", "rb") as source:
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                        file.write(chunk)
            except FileNotFoundError as error:
                raise _GoneError from error
        if digest.hexdigest() != stored.sha256:
            raise _DamagedError

    def _remove(self, versions: list[StoredFile]) -> None:
        system, base = self._place
        for stored in versions:
            # What is left behind only takes room: a newer version is there.
            with contextlib.suppress(Exception):
                system.rm_file(f"{base}/{stored.name}")


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
