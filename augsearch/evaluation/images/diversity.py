"""How varied a set of images is: the measure behind the collapse check of generators."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 1 << 22


def pairwise_spread(pixels: NDArray[np.uint8]) -> float:
    """Return the root mean square distance between two different images of a set.

    The mean runs over all pairs of different images and all pixel values. With the variance v of
    each pixel value over the N images it is sqrt(2 N / (N - 1) * mean v), so no pair is visited.
    A generator that has collapsed to one image per class gives 0 within a class.

    Args:
        pixels: uint8, (N, H, W, C), N at least 2; may be a memory map, read in bounded slices.

    Returns:
        The distance per pixel value, 0 to 255 * sqrt(N / (2 N - 2)); 0 for identical images.

    Raises:
        ValueError: Fewer than two images, or images without pixels.

    Example:
        >>> pairwise_spread(np.array([0, 30], dtype=np.uint8).reshape(2, 1, 1, 1))
        30.0
    """
    n_images = len(pixels)
    if n_images < 2 or pixels.size == 0:
        raise ValueError(
            f"pixels must hold at least 2 images but have shape {pixels.shape}; "
            "a spread needs a pair to compare."
        )
    sums = np.zeros(pixels.shape[1:], dtype=np.int64)
    squares = np.zeros(pixels.shape[1:], dtype=np.int64)
    step = max(1, _CHUNK_VALUES // sums.size)
    for start in range(0, n_images, step):
        chunk = pixels[start : start + step]
        sums += chunk.sum(axis=0, dtype=np.int64)
        # 255² still fits 16 bits, and whole numbers make identical images give exactly 0.
        squares += np.square(chunk, dtype=np.uint16).sum(axis=0, dtype=np.int64)
    mean_square = float((n_images * squares - sums**2).mean()) * 2 / (n_images * (n_images - 1))
    return math.sqrt(mean_square)
