"""Images side by side, as PNG."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gallery_png(pixels: NDArray[np.uint8], scale_to: int = 72) -> str:
    """Return images side by side as a PNG data URI, enlarged by whole factors.

    Args:
        pixels: uint8, (N, H, W, C).
        scale_to: Enlarge small images to at least about this many pixels.
    """
    factor = max(1, round(scale_to / pixels.shape[1]))
    large = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    padded = np.pad(large, ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=255)
    strip = np.concatenate(list(padded), axis=1)
    picture = Image.fromarray(strip[..., 0] if strip.shape[2] == 1 else strip)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
