"""Whether images are in colour, from a few of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augsearch.data.decoding import decode_image, fit_array
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

_LOOKED_AT = 10
_LOOK = Images(size=32, channels=3)
_TINT = 4.0
"""Mean difference between the channels, of 255, that a mark or JPEG's rounding does not reach."""


def in_colour(images: Iterable[Path | NDArray[Any]]) -> bool:
    """Say whether one of the first ten images, files or arrays, shows colour.

    Grey images are often saved as colour ones: all their channels are alike. What cannot be used
    shows no colour.
    """
    return any(_tint(image) > _TINT for image in islice(images, _LOOKED_AT))


def _tint(image: Path | NDArray[Any]) -> float:
    try:
        pixels = decode_image(image, _LOOK) if isinstance(image, Path) else fit_array(image, _LOOK)
    except DataError:
        return 0.0
    return float(np.ptp(pixels, axis=-1).mean())
