"""Images of a pool on disk, each made once, in extents that features can be cached by."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import Future
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.array_files import map_array, write_array
from augsearch.background import Background
from augsearch.errors import SourceError, StorageError
from augsearch.records import ImageBlock, content_key
from augsearch.sources.base import Pool
from augsearch.sources.pools.numbering import BLOCK, STREAM

_FILE = re.compile(r"class(\d+)_(\d+)-(\d+)_([0-9a-f]{64})\.npy")
_WRITERS, _WAITING = 4, 8
"""Extents that are written at a time, and those that may be unwritten."""

Extent = tuple[int, int, int]
"""Label, first image, one past the last."""


@final
class StoredBlock(ImageBlock):
    """An extent on disk. `pixels` is a fresh read-only memory map at each access.

    No map is kept, because each one holds a file descriptor: 100,000 images are 1,600 extents
    and a process is often allowed 1,024. It also keeps a pickled block small.
    """

    path: Path
    length: int

    def __init__(self, path: Path, key: str, length: int) -> None:
        vars(self).update(path=path, key=key, length=length)

    def __len__(self) -> int:
        return self.length

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8, (N, H, W, C), read-only."""
        pixels = map_array(self.path, np.uint8, 4, self.length)
        if pixels is None:
            raise StorageError(
                f"{self.path} must hold {self.length} images but is damaged or gone; "
                "start the same command again and it will be made again."
            )
        return pixels


def stored_blocks(
    folder: Path, besides: Set[str] = frozenset()
) -> Iterator[tuple[Extent, StoredBlock]]:
    """Yield the extents in a folder; two processes may have made the same one.

    Args:
        folder: May be missing.
        besides: Names of files that are passed over.
    """
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:  # a Path for each of them takes much longer
        there = {entry.name for entry in entries}
    for name in sorted(there - besides):
        if parts := _FILE.fullmatch(name):
            label, first, end = map(int, parts.groups()[:3])
            yield (label, first, end), StoredBlock(folder / name, parts[4], end - first)


@final
class PoolStore:
    """Keeps the images of a pool in `folder`, as they are asked for.

    The images of a class are cut into extents of BLOCK images at fixed places, whoever asks for
    what in which order; so the content keys, and with them all cached features, do not depend on
    the history of requests. At most 63 images at either end are made that nobody asked for. The
    last extent of a finite pool ends with the pool (or the stream).

    Each extent is one .npy file (uint8, (N, H, W, C)) that is written once, whole or not at all;
    its name carries class, first image, end and content key. One of a wrong size (damaged disk,
    copy cut short) is made again.

    Not for several threads at once. Two processes only do the same work twice.

    Args:
        pool: What gives the images.
        folder: Made if it is missing. It must belong to this one fitted source.
    """

    def __init__(self, pool: Pool, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._found: dict[Extent, list[StoredBlock]] = {}
        self._blocks: dict[Extent, StoredBlock] = {}
        self._seen: set[str] = set()

    def __reduce__(self) -> tuple[type[PoolStore], tuple[Pool, Path]]:
        return PoolStore, (self._pool, self._folder)

    def size(self, label: int) -> int | None:
        """Return how many images of the class the pool has; None if there is no end."""
        return self._pool.size(label)

    def has_streams(self, label: int) -> bool:
        """Whether replicate r reads fresh images from r * STREAM on."""
        return self._pool.has_streams(label)

    def blocks(
        self, label: int, start: int, count: int
    ) -> list[tuple[ImageBlock, NDArray[np.int64]]]:
        """Return the blocks that cover `count` images from `start` on, making those not yet there.

        Args:
            label: The class.
            start: First image; r * STREAM for replicate r of a pool that has streams.
            count: How many images.

        Returns:
            In order, each block with its rows that were asked for, int64, increasing.

        Raises:
            SourceError: The pool ends before `start + count`, or gives something else than images.
            StorageError: The disk is full or cannot be written. What was made before stays.
        """
        stop = start + count
        last = self._end(label, start)
        if last is not None and stop > last:
            self._refuse(label, last, stop)
        extents = []
        for first in range(start - start % BLOCK if count else stop, stop, BLOCK):
            end = first + BLOCK if last is None else min(first + BLOCK, last)
            rows = np.arange(max(start - first, 0), min(stop, end) - first, dtype=np.int64)
            extents.append(((label, first, end), rows))
        self._make([extent for extent, _ in extents if extent not in self._blocks])
        return [(self._blocks[extent], rows) for extent, rows in extents]

    def _make(self, missing: Sequence[Extent]) -> None:
        """Find or make extents; one is hashed and written while the pool makes the next."""
        if not missing:
            return
        self._look()
        coming: dict[Extent, Future[StoredBlock]] = {}
        with Background(_WRITERS, _WAITING) as files:
            for extent in missing:
                intact = self._intact(extent)
                if intact is not None:
                    self._blocks[extent] = intact
                else:
                    coming[extent] = files.call(self._written, extent, self._drawn(extent))
        for extent, block in coming.items():
            self._blocks[extent] = block.result()
            self._seen.add(self._blocks[extent].path.name)

    def _look(self) -> None:
        """Find what lies in the folder now: calls on other workers may have made more."""
        for extent, block in stored_blocks(self._folder, self._seen):
            self._found.setdefault(extent, []).append(block)
            self._seen.add(block.path.name)

    def _end(self, label: int, start: int) -> int | None:
        """Return the end of the stream that `start` lies in; None if it has none."""
        size = self._pool.size(label)
        origin = start - start % STREAM if self._pool.has_streams(label) else 0
        return None if size is None else origin + size

    def _refuse(self, label: int, last: int, stop: int) -> None:
        self._pool.images(label, last, stop)  # raises: the pool knows the names of its classes
        raise SourceError(f"a pool whose class {label} ends at {last} gave images up to {stop}")

    def _intact(self, extent: Extent) -> StoredBlock | None:
        for block in self._found.pop(extent, []):
            if map_array(block.path, np.uint8, 4, block.length) is not None:
                return block
            block.path.unlink(missing_ok=True)
        return None

    def _drawn(self, extent: Extent) -> NDArray[np.uint8]:
        """Return the pool's images, as a copy: a pool may use its memory again."""
        label, first, end = extent
        images = self._pool.images(label, first, end)
        expected = f"a pool must give uint8 images of shape ({end - first}, H, W, C)"
        if not isinstance(images, np.ndarray):
            raise SourceError(f"{expected} but gave a {type(images).__name__}")
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) != end - first:
            raise SourceError(f"{expected} but gave {images.dtype} {images.shape}")
        return images.copy()

    def _written(self, extent: Extent, images: NDArray[np.uint8]) -> StoredBlock:
        label, first, end = extent
        key = content_key(images)
        path = self._folder / f"class{label}_{first}-{end}_{key}.npy"
        write_array(path, images)
        return StoredBlock(path, key, end - first)
