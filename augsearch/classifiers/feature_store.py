"""Features on disk: a frozen backbone sees each image once in its life."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Backbone
from augsearch.events import Advanced, Notify, silent
from augsearch.files import map_array, replacing
from augsearch.records import ImageBlock

_CHUNK = 256
"""Images between two reports; a multiple of every backbone's batch size."""


@final
class FeatureStore:
    """Computes the features of a block once and keeps them as a .npy file.

    The file's name is a hash of the block's content and the backbone's fingerprint. Files are
    written under another name and renamed; one that is damaged is made again.

    Args:
        backbone: Makes the features.
        folder: Where the files lie; made when the first one is written.
    """

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self._backbone = backbone
        self._folder = folder

    def features(self, block: ImageBlock, notify: Notify = silent) -> NDArray[np.float32]:
        """Return features of the block, float32, (N, D), as a read-only memory map.

        Raises:
            StorageError: The file could not be written (disk full, no permission).
        """
        if len(block) == 0:
            return self._backbone.features(block.pixels)
        path = self._path(block)
        stored = map_array(path, "<f4", 2, len(block))
        if stored is None:
            self._make(block, path, notify)
            stored = np.load(path, mmap_mode="r")
        return stored

    def _path(self, block: ImageBlock) -> Path:
        name = hashlib.sha256(f"{block.key} {self._backbone.fingerprint}".encode()).hexdigest()
        return self._folder / f"{name}.npy"

    def _make(self, block: ImageBlock, path: Path, notify: Notify) -> None:
        # Written as a stream: on a full disk a memory map would end the process, not raise.
        with replacing(path) as temporary, temporary.open("wb") as file:
            for start in range(0, len(block), _CHUNK):
                chunk = self._backbone.features(block.pixels[start : start + _CHUNK])
                if start == 0:
                    _write_header(file, (len(block), chunk.shape[1]))
                file.write(np.ascontiguousarray(chunk, dtype="<f4").data)
                notify(Advanced(min(start + _CHUNK, len(block)), len(block), "images"))


def _write_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
