"""Features on disk: a frozen backbone sees each image once in its life."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.array_files import map_array, write_array
from augsearch.background import Background
from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen.ahead import ahead
from augsearch.errors import StorageError
from augsearch.events import Advanced, Notify, silent
from augsearch.records import ImageBlock

_LARGEST = 1024
"""Most images that go to the backbone in one call; a power of two, as its batch is."""

_CHUNK_BYTES = 256 * 224 * 224 * 3
"""Most bytes of pixels in one call, unless its batch needs more: 256 images of 224 px in colour. Up
to five such chunks are in memory at once."""

_WRITERS, _WAITING = 4, 32
"""Files that are written at a time, and those that may be unwritten: as many as two calls make of a
pool's extents, so that a fast backbone waits for none of the call before."""

_Chunk = tuple[list[int], NDArray[np.uint8]]
"""How many images each block, or part of a large one, has here, and the pixels of all of them."""


@final
class FeatureStore:
    """Computes the features of a block once and keeps them as a .npy file.

    The file's name is a hash of the block's content and the backbone's fingerprint. Files are
    written under another name and renamed; one that is damaged is made again.

    Many blocks are made as one stream: pixels are read, features computed and files written at the
    same time, in chunks that pay no heed to where a block ends.

    Args:
        backbone: Makes the features.
        folder: Where the files lie; made when the first one is written.
    """

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self.backbone = backbone
        self._folder = folder

    def features(self, block: ImageBlock, notify: Notify = silent) -> NDArray[np.float32]:
        """Return features of the block, float32, (N, D), as a read-only memory map.

        Raises:
            StorageError: The file could not be written (disk full, no permission).
        """
        if len(block) == 0:
            return self.backbone.features(block.pixels)
        stored = self._stored(block)
        if stored is None:
            self._make([block], notify)
            stored = self._stored(block)
        if stored is None:
            raise StorageError(
                f"{self._path(block)} was written but cannot be read back; check the disk."
            )
        return stored

    def make(self, blocks: Iterable[ImageBlock], notify: Notify = silent) -> None:
        """Compute the features of those blocks that have none yet.

        Args:
            blocks: Each content once.
            notify: Takes progress, counted over the images of all these blocks.

        Raises:
            StorageError: A file could not be written (disk full, no permission).
        """
        missing = [block for block in blocks if len(block) and self._stored(block) is None]
        if missing:
            self._make(missing, notify)

    def _stored(self, block: ImageBlock) -> NDArray[np.float32] | None:
        return map_array(self._path(block), "<f4", 2, len(block))

    def _path(self, block: ImageBlock) -> Path:
        name = hashlib.sha256(f"{block.key} {self.backbone.fingerprint}".encode()).hexdigest()
        return self._folder / f"{name}.npy"

    def _make(self, blocks: Sequence[ImageBlock], notify: Notify) -> None:
        total, done = sum(map(len, blocks)), 0
        # The network stays in this thread: with threads of its own elsewhere, torch would have two
        # sets of them, more than there are cores.
        with (
            Background(_WRITERS, _WAITING) as files,
            closing(ahead(self._chunks(blocks))) as chunks,
        ):
            pieces = self._pieces(chunks)
            for block in blocks:
                parts: list[NDArray[np.float32]] = []
                while (length := sum(map(len, parts))) < len(block):
                    parts.append(next(pieces))
                    notify(Advanced(done + length + len(parts[-1]), total, "images"))
                done += length
                features = np.concatenate(parts).astype("<f4", copy=False)
                files.call(write_array, self._path(block), features)

    def _pieces(self, chunks: Iterable[_Chunk]) -> Iterator[NDArray[np.float32]]:
        """Yield the features of each block, of large ones part by part."""
        begun: deque[tuple[list[int], Callable[[], NDArray[np.float32]]]] = deque()
        for lengths, pixels in chunks:
            begun.append((lengths, self.backbone.begin(pixels)))
            if len(begun) > 1:  # a GPU has the next chunk while this one is waited for
                yield from _parts(*begun.popleft())
        for last in begun:
            yield from _parts(*last)

    def _chunks(self, blocks: Iterable[ImageBlock]) -> Iterator[_Chunk]:
        """Read pixels into memory, as many blocks at a time as fit, large ones in parts."""
        together: list[NDArray[np.uint8]] = []
        for block in blocks:
            pixels = block.pixels
            most = max(self.backbone.batch, _most_images(pixels))
            for first in range(0, len(block), most):
                part = pixels[first : first + most]
                held = sum(map(len, together))
                if together and (held + len(part) > most or not _alike(part, together[0])):
                    yield _joined(together)
                    together = []
                together.append(part)
        if together:
            yield _joined(together)


def _parts(
    lengths: Sequence[int], wait: Callable[[], NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    return np.split(wait(), np.cumsum(lengths)[:-1])


def _joined(together: Sequence[NDArray[np.uint8]]) -> _Chunk:
    return [len(pixels) for pixels in together], np.concatenate(together)


def _most_images(pixels: NDArray[np.uint8]) -> int:
    """Return the largest power of two of such images that makes a chunk, from 1 to 1024."""
    fitting = max(1, _CHUNK_BYTES // max(1, int(pixels[0].size)))
    return min(_LARGEST, 1 << (fitting.bit_length() - 1))


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return one.shape[1:] == other.shape[1:] and one.dtype == other.dtype
