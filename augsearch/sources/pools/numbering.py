"""How the images of a pool are numbered: in blocks, and with a stream for each replicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
"""Pools are generated and stored in aligned runs of this many images, so that the bits of image i
do not depend on how many were asked for."""

STREAM = 1 << 32
"""An endless pool is read from r * STREAM on by replicate r."""

Scalar = TypeVar("Scalar", bound=np.generic)


def by_blocks(make: Callable[[int], NDArray[Scalar]], start: int, stop: int) -> NDArray[Scalar]:
    """Return entries `start` to `stop` of the row of blocks make(0), make(1) ..., BLOCK long each.

    Whatever slice is asked for, `make` sees whole blocks only, so an entry cannot depend on what
    else was asked for.
    """
    first = start // BLOCK
    last = max(first + 1, -(-stop // BLOCK))
    blocks = np.concatenate([make(number) for number in range(first, last)])
    return blocks[start - first * BLOCK : stop - first * BLOCK]
