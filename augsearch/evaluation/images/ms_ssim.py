"""How alike two images look: the structural similarity over several scales, MS-SSIM.

Wang, Simoncelli and Bovik 2003 (Asilomar Conference on Signals, Systems and Computers). Odena,
Olah and Shlens 2017 (ICML, section 4.2) measure the diversity of a generator by it: the mean over
random pairs of images of one class, near 1 for a generator that repeats itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from augsearch.device import thread_count
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, finest first (Wang et al. 2003, section 3.2)."""

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_BLOCK_VALUES = 1 << 17


@dataclass(frozen=True)
class Spread:
    """The MS-SSIM of pairs of images from one set.

    Attributes:
        mean: Over the pairs, 0 to 1; the more alike the images, the higher.
        sd: Standard deviation over the pairs (n - 1); 0 for a single pair.
        n_pairs: Number of pairs of different images that were compared.
        scales: Of the five scales of MS-SSIM, how many the images were large enough for.
    """

    mean: float
    sd: float
    n_pairs: int
    scales: int


def n_scales(height: int, width: int) -> int:
    """Return on how many of the five scales the 11-pixel window fits; at least 1.

    From a scale to the next the side is halved and rounded up. Five scales need 161 pixels, four
    81, three 41, two 21.
    """
    fits = [min(height, width) > (_WINDOW - 1) << scale for scale in range(len(WEIGHTS))]
    return max(1, sum(fits))


def ms_ssim(first: Pixels, second: Pixels) -> Floats:
    """Return the MS-SSIM of each pair of images.

    With the contrast and structure term c_j and the luminance term l of eq. 2 to 4, both averaged
    over the valid places of an 11-pixel Gaussian window (sigma 1.5), it is

        c_1^w_1 · ... · c_(m-1)^w_(m-1) · (mean of l · c at scale m)^w_m

    with m = 5 and w = `WEIGHTS`, per channel, then averaged over the channels. A negative term,
    which has no real power, counts as 0: such images share no structure at that scale.

    Images below 161 pixels have too few places for five scales. They get the scales that there are
    (`n_scales`), with their weights divided by the sum; values of different numbers of scales
    should not be compared. An image below 11 pixels gets one scale and a window of its side, with
    sigma in proportion.

    Args:
        first: uint8, (N, H, W, C).
        second: The same shape: image i is compared with image i of `first`.

    Returns:
        float64, (N,), 0 to 1; 1 for identical images.

    Raises:
        ValueError: Other types or shapes.
    """
    _check(first)
    _check(second)
    if first.shape != second.shape:
        raise ValueError(
            f"both sets must have one shape but got {first.shape} and {second.shape}; "
            "give the images pair by pair, in one size."
        )
    step = max(1, _BLOCK_VALUES // math.prod(first.shape[1:]))
    parts = [slice(start, start + step) for start in range(0, len(first), step)]
    with ThreadPoolExecutor(thread_count()) as pool:
        blocks = pool.map(lambda part: _of_block(first[part], second[part]), parts)
        return np.concatenate([np.empty(0), *blocks])


def within_class_ms_ssim(pixels: Pixels, seed: Seed, n_pairs: int = 100) -> Spread:
    """Return the MS-SSIM of random pairs of different images of one class.

    Args:
        pixels: uint8, (N, H, W, C), N at least 2, all of one class; may be a memory map, of which
            only the drawn images are read.
        seed: Where the choice of pairs comes from.
        n_pairs: Distinct pairs to draw; all pairs are taken if there are not more.

    Raises:
        ValueError: Fewer than two images, no pairs, or other types or shapes.
    """
    _check(pixels)
    if len(pixels) < 2 or n_pairs < 1:
        raise ValueError(
            f"a pair needs at least 2 images and n_pairs at least 1 but got {len(pixels)} images "
            f"and n_pairs {n_pairs}; leave such a class out."
        )
    first, second = _pairs(len(pixels), n_pairs, seed)
    values = ms_ssim(pixels[first], pixels[second])
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Spread(float(values.mean()), sd, len(values), n_scales(*pixels.shape[1:3]))


def ms_ssim_along(
    pixels: Pixels, amounts: Sequence[int], seed: Seed, n_pairs: int = 100
) -> tuple[Spread, ...]:
    """Return the MS-SSIM within the first images of a class, for growing amounts of them.

    An amount's pairs depend on the seed and the amount alone, not on the other amounts or on the
    images beyond it.

    Args:
        pixels: uint8, (N, H, W, C), one class, in the order in which images are added.
        amounts: Each 2 to N.
        seed: Where the choice of pairs comes from.
        n_pairs: As in `within_class_ms_ssim`.

    Raises:
        ValueError: An amount outside its range, no pairs, or other types or shapes.
    """
    for amount in amounts:
        if not 2 <= amount <= len(pixels):
            raise ValueError(
                f"amounts must lie between 2 and the {len(pixels)} images there are but got "
                f"{amount}; leave it out or draw more images."
            )
    return tuple(
        within_class_ms_ssim(pixels[:amount], seed.child("amount", amount), n_pairs)
        for amount in amounts
    )


def _check(pixels: Pixels) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or 0 in pixels.shape[1:]:
        raise ValueError(
            f"images must be uint8 (N, H, W, C) but are {pixels.dtype} {pixels.shape}; "
            "the constants of MS-SSIM are for grey levels 0 to 255."
        )


def _pairs(n_images: int, n_pairs: int, seed: Seed) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the two members of distinct pairs, without listing all pairs there are."""
    there_are = n_images * (n_images - 1) // 2
    if n_pairs >= there_are:
        lower, upper = np.triu_indices(n_images, 1)
        return lower.astype(np.int64), upper.astype(np.int64)
    # Pair number p is (p - u (u - 1) / 2, u): before the pairs with upper member u come those
    # among the first u images.
    number = np.sort(seed.generator().choice(there_are, n_pairs, replace=False))
    firsts = np.arange(n_images, dtype=np.int64)
    firsts = firsts * (firsts - 1) // 2
    upper = np.searchsorted(firsts, number, side="right") - 1
    return number - firsts[upper], upper


def _of_block(first: Pixels, second: Pixels) -> Floats:
    a, b = first.astype(np.float64), second.astype(np.float64)
    scales = n_scales(*first.shape[1:3])
    window = _window(min(_WINDOW, *first.shape[1:3]))
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    terms = []
    for scale in range(scales):
        luminance, contrast = _terms(a, b, window)
        last = scale == scales - 1
        terms.append((luminance * contrast if last else contrast).mean(axis=(1, 2)))
        a, b = _halved(a), _halved(b)
    powers = np.maximum(terms, 0) ** weights[:, None, None]
    return np.asarray(powers.prod(axis=0).mean(axis=-1))


def _terms(a: Floats, b: Floats, window: Floats) -> tuple[Floats, Floats]:
    """Return the luminance term and the contrast-structure term at every valid place."""
    mean_a, mean_b = _blurred(a, window), _blurred(b, window)
    squares = mean_a**2 + mean_b**2
    variances = _blurred(a**2 + b**2, window) - squares
    covariance = _blurred(a * b, window) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (squares + _C1)
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _window(size: int) -> Floats:
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (offsets / (_SIGMA * size / _WINDOW)) ** 2)
    return np.asarray(weights / weights.sum())


def _blurred(images: Floats, window: Floats) -> Floats:
    """Return the weighted means at the places where the whole window lies within the image."""
    for axis in (1, 2):
        before, valid = len(window) // 2, images.shape[axis] - len(window) + 1
        inside = (slice(None),) * axis + (slice(before, before + valid),)
        images = correlate1d(images, window, axis=axis)[inside]
    return images


def _halved(images: Floats) -> Floats:
    """Average blocks of 2 x 2 pixels; an odd last row or column is doubled, as Wang's code does."""
    odd = [(0, side % 2) for side in images.shape[1:3]]
    even = np.pad(images, [(0, 0), *odd, (0, 0)], mode="edge")
    rows = even[:, ::2] + even[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)
