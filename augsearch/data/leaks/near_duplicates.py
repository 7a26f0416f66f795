"""Finds images that show the same: re-encoded, resized, brightened, shifted, mirrored or cropped.

Candidates by `perceptual_hash` are compared by their fine detail: the largest normalised
correlation of 32 x 32 high-passed versions over shifts of up to two pixels. Mirrored images and
centre crops are met by comparing with mirrored and enlarged versions.

How much detail two different images share depends on what they show: of 621 radiographs of
different patients the most alike two correlate by 0.78, of 1,100 drawings of `demo` at 128 x 128
by 0.93. So no fixed bound will do. Two images count as copies if the difference that is left,
1 - correlation, is less than 0.4 of that to the most similar image that is no copy, for both of
them (the ratio test of Lowe, "Distinctive image features from scale-invariant keypoints", 2004,
section 7.1, for any number of copies); or if it is less than 0.03 and their coarse looks, 8 x 8 in
colour, correlate by 0.99. Fine detail alone is not certain where images are smooth: of 450 ellipses
drawn in the colours of skin (those of the tests, 32 x 32) it would give 220 pairs, with the look 9.

Measured on the radiographs (224 x 224, read at 32, 64 and 224), with a copy of each of the 621 as a
further patient. Found: all copies after JPEG at quality 30, halving, brightness x 0.75 to 1.25,
noise of 5 grey levels, mirroring, a shift by 1 pixel, crops of 3, 6 and 10 %; 99 % after a shift by
2 pixels or a turn by 2 degrees; 54 to 62 % after a shift by 6 pixels or a crop of 5 % from one
corner; none after inversion. False alarms: none, with and without copies, and none among 5,000
drawings at 64 x 64. The hash alone, at its bound, would raise 2,000 among the radiographs. A
network's features are no help: those of a random ResNet-18 told 40 % of the copies from the next
image where brightness differs by a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from augsearch.data.leaks.perceptual_hash import (
    BITS,
    SIDE,
    Candidates,
    candidates,
    hash_bits,
    mirrored,
)

SMALLEST = 24
"""Height in pixels below which images have too little detail to tell copies from likeness."""

CERTAIN = 0.97
"""Similarity from which two images of the same look are copies, whatever the others are like."""

_UNRELATED = 0.6
"""Similarity that any two images may have; lower ones are not looked at."""
_RATIO = 0.4
_SMALLEST_DISTANCE = 1e-3

_ZOOMS = (1.0, 1.06, 1.12)
_AVERAGED = 64
_BLUR = 1.5
"""Standard deviation, in pixels of 32, of the blur that is taken away."""
_SHIFT = 2
_LOOK = 8
_SAME_LOOK = 0.99
"""Correlation of coarse looks from which two images of the same detail are surely copies."""
_ROWS = 256


def fading_window(size: int, share: float) -> NDArray[np.float64]:
    """Return Tukey's window, float64, (size,): 1, but for cosine slopes of `share` of its length.

    ``scipy.signal`` has it too, but takes a third of a second to import.
    """
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) / (share * (size - 1) / 2)
    return np.asarray((1 - np.cos(np.pi * np.minimum(edge, 1))) / 2)


_WINDOW = np.outer(fading_window(SIDE, 0.3), fading_window(SIDE, 0.3)).astype(np.float32)
"""Fades the border out: crops and shifts change it, and the correlation wraps around."""

_Float = NDArray[np.float32]
_Int = NDArray[np.int64]


class Pair(NamedTuple):
    """Two images that show the same.

    Attributes:
        first: Row of the one.
        second: Row of the other, larger than `first`.
        similarity: Correlation of their fine detail, 0.84 to 1.
        is_mirrored: One shows the other from left to right.
    """

    first: int
    second: int
    similarity: float
    is_mirrored: bool


class _Alike(NamedTuple):
    """Pairs of rows, first < second, with their similarity; (M,) each."""

    first: _Int
    second: _Int
    similarity: _Float
    is_mirrored: NDArray[np.bool_]
    is_certain: NDArray[np.bool_]


_NONE = _Alike(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.float32),
    np.empty(0, dtype=np.bool_),
    np.empty(0, dtype=np.bool_),
)


@dataclass(frozen=True, eq=False)
class Signatures:
    """What N images are compared by.

    Attributes:
        bits: float32, (3, N, 64): the hash at each zoom.
        details: float32, (3, N, 32, 32), of mean 0 and length 1: the fine detail at each zoom.
        looks: float32, (3, N, C, 8, 8), of mean 0 and length 1: the coarse look at each zoom.
    """

    bits: NDArray[np.float32]
    details: NDArray[np.float32]
    looks: NDArray[np.float32]

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> Signatures:
        """Compute them.

        Args:
            pixels: uint8, (N, H, H, C); of a memory map a block is read at a time.
        """
        count, channels = len(pixels), pixels.shape[3]
        bits = np.empty((len(_ZOOMS), count, BITS), dtype=np.float32)
        details = np.empty((len(_ZOOMS), count, SIDE, SIDE), dtype=np.float32)
        looks = np.empty((len(_ZOOMS), count, channels, _LOOK, _LOOK), dtype=np.float32)
        for start in range(0, count, _ROWS):
            rows = slice(start, start + _ROWS)
            planes = np.moveaxis(pixels[rows], 3, 0)
            colour = np.stack(
                [_reduced(plane.astype(np.float32), _AVERAGED, 1.0) for plane in planes], axis=1
            )
            grey = colour.mean(axis=1)
            for view, zoom in enumerate(_ZOOMS):
                small = _reduced(grey, SIDE, zoom)
                bits[view, rows] = hash_bits(small)
                details[view, rows] = _detail(small)
                looks[view, rows] = _unit(_reduced(colour, _LOOK, zoom))
        return cls(bits, details, looks)

    def join(self, other: Signatures) -> Signatures:
        """Return the signatures of these images and, behind them, of others."""
        return Signatures(
            np.concatenate([self.bits, other.bits], axis=1),
            np.concatenate([self.details, other.details], axis=1),
            np.concatenate([self.looks, other.looks], axis=1),
        )


def near_duplicates(signatures: Signatures, groups: NDArray[np.int64]) -> list[Pair]:
    """Find the images of different groups that show the same.

    Args:
        signatures: N images.
        groups: (N,), equal numbers are the same group.

    Returns:
        The pairs in the order of their rows, each once.
    """
    count = len(groups)
    alike = _best(list(_alike(signatures, groups)), count)
    least = _least_of_copies(alike, count)
    is_copy = alike.is_certain | (
        alike.similarity >= np.maximum(least[alike.first], least[alike.second])
    )
    columns = (column[is_copy].tolist() for column in alike[:4])
    return [Pair(*row) for row in zip(*columns, strict=True)]


def _alike(signatures: Signatures, groups: _Int) -> Iterator[_Alike]:
    """Compare the images with themselves: upright, mirrored and enlarged."""
    for is_mirrored in (False, True):
        own = mirrored(signatures.bits[0]) if is_mirrored else signatures.bits[0]
        for zoom in range(len(_ZOOMS)):
            for found in candidates(own, signatures.bits[zoom], groups):
                for start in range(0, len(found.ones), _ROWS):
                    rows = slice(start, start + _ROWS)
                    some = Candidates(found.ones[rows], found.others[rows])
                    yield _compared(signatures, some, zoom, is_mirrored)


def _compared(signatures: Signatures, some: Candidates, zoom: int, is_mirrored: bool) -> _Alike:
    details, looks = signatures.details[0, some.ones], signatures.looks[0, some.ones]
    if is_mirrored:
        details, looks = details[..., ::-1], looks[..., ::-1]
    similarity = _correlation(details, signatures.details[zoom, some.others])
    same_look = (looks * signatures.looks[zoom, some.others]).sum(axis=(1, 2, 3)) >= _SAME_LOOK
    kept = similarity >= _UNRELATED
    ones, others = some.ones[kept], some.others[kept]
    return _Alike(
        np.minimum(ones, others),
        np.maximum(ones, others),
        np.minimum(similarity[kept], np.float32(1)),
        np.full(len(ones), is_mirrored),
        (similarity >= CERTAIN)[kept] & same_look[kept],
    )


def _correlation(ones: _Float, others: _Float) -> _Float:
    """Return the largest inner product of each pair over the shifts."""
    product = np.conj(fft.rfft2(ones)) * fft.rfft2(others)
    shifts = np.roll(fft.irfft2(product, s=(SIDE, SIDE)), (_SHIFT, _SHIFT), axis=(1, 2))
    largest: _Float = shifts[:, : 2 * _SHIFT + 1, : 2 * _SHIFT + 1].max(axis=(1, 2))
    return largest


def _best(found: list[_Alike], count: int) -> _Alike:
    """Keep the most similar view of each pair."""
    first, second, similarity, is_mirrored, is_certain = (
        np.concatenate(column) for column in zip(_NONE, *found, strict=True)
    )
    order = np.lexsort((is_mirrored, -similarity, second, first))
    _, places = np.unique((first * count + second)[order], return_index=True)
    rows = order[places]
    return _Alike(first[rows], second[rows], similarity[rows], is_mirrored[rows], is_certain[rows])


def _least_of_copies(alike: _Alike, count: int) -> _Float:
    """Return how similar a copy of each image must be; infinity if it has none.

    Sorted by similarity, an image's copies end at the last place where the distance jumps by
    more than 1 / `_RATIO`; behind the last image comes an unrelated one.
    """
    everyone = np.arange(count)
    nobody = np.full(count, _UNRELATED, dtype=np.float32)
    image = np.concatenate([alike.first, alike.second, everyone])
    similarity = np.concatenate([alike.similarity, alike.similarity, nobody])
    order = np.lexsort((-similarity, image))
    image, similarity = image[order], similarity[order]
    distance = np.maximum(1 - similarity, _SMALLEST_DISTANCE)
    ends = (image[:-1] == image[1:]) & (distance[:-1] < _RATIO * distance[1:])
    least = np.full(count, np.inf, dtype=np.float32)
    np.minimum.at(least, image[:-1][ends], similarity[:-1][ends])
    return least


def _reduced(images: _Float, side: int, zoom: float) -> _Float:
    """Average the middle 1/zoom of images, (..., H, H), over areas: (..., side, side)."""
    height = images.shape[-1]
    length = height / zoom
    edges = (height - length) / 2 + np.arange(side + 1) * length / side
    pixel = np.arange(height)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = (np.maximum(overlap, 0) * side / length).astype(np.float32)
    reduced: _Float = weights @ images @ weights.T
    return reduced


def _detail(small: _Float) -> _Float:
    return _unit((small - ndimage.gaussian_filter(small, (0, _BLUR, _BLUR))) * _WINDOW)


def _unit(images: _Float) -> _Float:
    """Bring each image, (N, ...), to mean 0 and length 1: brightness and contrast do not count."""
    axes = tuple(range(1, images.ndim))
    images = images - images.mean(axis=axes, keepdims=True)
    length = np.sqrt(np.square(images).sum(axis=axes, keepdims=True))
    unit: _Float = images / np.maximum(length, np.float32(1e-6))
    return unit
