"""The grid of sample images that a training leaves at every snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from augsearch.files import replacing

COLUMNS = 8
_GAP = 2
_SMALLEST_TILE = 64


def write_grid(path: Path, rows: Sequence[NDArray[np.uint8]]) -> None:
    """Write images as a PNG, atomically: one row per entry, the first 8 images of each.

    Small images are enlarged by a whole factor, pixel by pixel, to a side of at least 64.

    Args:
        path: Ends in ".png".
        rows: uint8, (N, H, W, C) each; rows with fewer than 8 images end early.
    """
    factor = -(-_SMALLEST_TILE // rows[0].shape[1])
    height, width, channels = (np.array(rows[0].shape[1:]) * (factor, factor, 1)).tolist()
    shape = (len(rows) * (height + _GAP) - _GAP, COLUMNS * (width + _GAP) - _GAP, channels)
    sheet = np.full(shape, 255, dtype=np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images[:COLUMNS]):
            tile = image.repeat(factor, axis=0).repeat(factor, axis=1)
            top, left = row * (height + _GAP), column * (width + _GAP)
            sheet[top : top + height, left : left + width] = tile
    with replacing(path) as temporary:
        Image.fromarray(sheet.squeeze(2) if channels == 1 else sheet).save(temporary, format="PNG")
