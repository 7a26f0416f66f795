"""The steps of images.preprocess: normalise, denoise, crop to the largest region, resize.

An image is a list of planes, one for grey or three for colour, each float32 (H, W) in the units of
its file, so that no step costs precision. Steps are done in the order of the study file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy  # loads its parts when they are first used; they are slow to load
from numpy.typing import NDArray
from PIL import Image

from augsearch.study.schema.preprocessing import (
    CropStep,
    DenoiseStep,
    NormaliseStep,
    PreprocessStep,
    ResizeMethod,
    ResizeStep,
)

Plane = NDArray[np.float32]
Limits = tuple[float, float]
"""What is black and what is white."""

_GREY = (19595 / 65536, 38470 / 65536, 7471 / 65536)
"""ITU-R 601 luma, with the integer weights that Pillow uses."""
_SMALLEST_CROP = 8
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
}


def preprocess(
    planes: Sequence[Plane], limits: Limits | None, steps: Sequence[PreprocessStep]
) -> tuple[list[Plane], Limits | None]:
    """Do the steps, one after the other.

    Values beyond `limits` are cut off first, so that every step sees what the limits let through
    (a CT's soft tissue, say). Without steps nothing is touched.

    Args:
        planes: One or three, float32, (H, W), finite.
        limits: Black and white; None: the image's own extremes, whatever they are in the end.
        steps: What to do.

    Returns:
        The planes, and their black and white: (0, 1) once they are normalised.
    """
    planes = list(planes)
    if steps and limits is not None:
        planes = [np.clip(plane, *limits) for plane in planes]
    for step in steps:
        match step:
            case NormaliseStep():
                planes, limits = normalise(planes, step.cut), (0.0, 1.0)
            case DenoiseStep():
                planes = [denoise(plane, step.radius) for plane in planes]
            case CropStep():
                planes = crop(planes, step.threshold, step.margin)
            case ResizeStep():
                planes = [resize(plane, step.size, step.method) for plane in planes]
    return planes, limits


def own_range(planes: Sequence[Plane]) -> Limits:
    """Return the smallest and the largest value of an image."""
    return float(min(p.min() for p in planes)), float(max(p.max() for p in planes))


def luma(planes: Sequence[Plane]) -> Plane:
    """Return the brightness of an image: the plane of a grey one, ITU-R 601 luma of colour."""
    if len(planes) == 1:
        return planes[0]
    grey = np.zeros(planes[0].shape, dtype=np.float32)
    for weight, colour in zip(_GREY, planes, strict=True):
        grey += np.float32(weight) * colour
    return grey


def normalise(planes: Sequence[Plane], cut: float = 0.0) -> list[Plane]:
    """Stretch the image's own range to 0 .. 1, all planes by the same map.

    Args:
        planes: Float32, (H, W) each.
        cut: The range runs from this quantile of all values to its counterpart from above; what
            lies beyond becomes 0 or 1.

    Returns:
        Float32 planes within 0 .. 1. An image of one value becomes 0.
    """
    low, high = own_range(planes)
    if cut > 0:
        low, high = map(float, np.quantile(np.stack(planes), (cut, 1 - cut)))
    if high <= low:
        return [np.zeros_like(plane) for plane in planes]
    # float64, in which the difference of two float32 always fits.
    return [
        np.clip((plane.astype(np.float64) - low) / (high - low), 0, 1).astype(np.float32)
        for plane in planes
    ]


def denoise(plane: Plane, radius: int) -> Plane:
    """Erode, then dilate: a grey opening with a disk.

    It changes the pixels themselves: whatever is brighter than its surroundings and so small that
    the disk does not fit into it (specks, threads, noise) falls to the brightness around it, dark
    detail stays as it is, and no pixel becomes brighter. Since a grey opening acts on every
    threshold's mask alike, a mask taken from its result is the eroded and dilated mask of the
    original. Beyond the border the image is taken to go on mirrored. Colours are opened each by
    itself.

    Args:
        plane: Float32, (H, W).
        radius: Of the disk in pixels, 1 to 10; 1 is the pixel and its four neighbours.
    """
    steps = np.arange(-radius, radius + 1)
    disk = steps[:, None] ** 2 + steps**2 <= radius**2
    return np.asarray(scipy.ndimage.grey_opening(plane, footprint=disk))


def crop(planes: Sequence[Plane], threshold: float | str, margin: float = 0.0) -> list[Plane]:
    """Cut out the bounding box of the largest region that is brighter than a threshold.

    The region is the one whose outer contour encloses most: pixels connected over sides or
    corners, holes in them filled (a chest with its dark lungs is one region). Of equally large
    ones the first from above counts. The background must be the darker part.

    The customary threshold of such pipelines, 45 of 255, is 0.18 of the range. Otsu's splits dark
    from bright tissue where there is little background: of 621 radiographs of NIH ChestX-ray14,
    eroded and dilated, it cut more than a tenth of a side off one in five, lungs among them; 0.18
    did so to one in 40, whose borders are black.

    Args:
        planes: Float32, (H, W) each; the regions are those of their luma.
        threshold: A fraction of the way from the darkest to the brightest pixel, or "otsu".
        margin: Kept on each side of the box as far as the image goes, in heights and widths of
            the box.

    Returns:
        The planes, cut; uncut where nothing is brighter than the threshold (an image of one
        value), and where the box with its margin has a side below 8 pixels.
    """
    box = _largest_box(normalise([luma(planes)])[0], threshold)
    if box is None:
        return list(planes)
    rows, columns = (
        _widened(side, margin, length) for side, length in zip(box, planes[0].shape, strict=True)
    )
    if min(rows.stop - rows.start, columns.stop - columns.start) < _SMALLEST_CROP:
        return list(planes)
    return [np.ascontiguousarray(plane[rows, columns]) for plane in planes]


def _largest_box(grey: Plane, threshold: float | str) -> tuple[slice, ...] | None:
    """Return rows and columns of the largest region of an image within 0 .. 1."""
    if not grey.any():
        return None
    limit = otsu(grey) if isinstance(threshold, str) else threshold
    filled = scipy.ndimage.binary_fill_holes(grey > limit)
    regions, _ = scipy.ndimage.label(filled, np.ones((3, 3)))
    areas = np.bincount(regions.ravel())
    areas[0] = 0  # the background
    return scipy.ndimage.find_objects(regions)[int(areas.argmax()) - 1]


def otsu(grey: Plane) -> float:
    """Return the threshold between whose two sides the variance is largest (Otsu 1979).

    Args:
        grey: Float32, (H, W), of more than one value; 256 steps of its range are tried.
    """
    counts, edges = np.histogram(grey, 256)
    counts, centres = counts.astype(np.float32), (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    mean_below = np.cumsum(counts * centres) / below
    mean_above = (np.cumsum((counts * centres)[::-1]) / above[::-1])[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[between.argmax()])


def _widened(side: slice, margin: float, length: int) -> slice:
    more = round(margin * (side.stop - side.start))
    return slice(max(side.start - more, 0), min(side.stop + more, length))


def resize(plane: Plane, size: int, method: ResizeMethod) -> Plane:
    """Bring a plane to a square by Pillow; the aspect ratio is not kept.

    "bicubic" and "bilinear" widen their kernel when they reduce, so that they do not alias.
    "area" averages the area that becomes one pixel, and repeats pixels when it enlarges.

    Args:
        plane: Float32, (H, W).
        size: Height and width of the result.
        method: "bicubic", "bilinear" or "area".

    Returns:
        Float32, (size, size). "bicubic" can overshoot the range of the plane at edges.
    """
    return np.asarray(Image.fromarray(plane).resize((size, size), _FILTERS[method]))
