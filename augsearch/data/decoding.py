"""One image file, or one array, becomes uint8 pixels of the study's size and channels."""

from __future__ import annotations

import contextlib
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from augsearch.data.conventions import is_dicom
from augsearch.data.preprocessing import Limits, Plane, luma, own_range, preprocess, resize
from augsearch.errors import DataError
from augsearch.silence import Silence
from augsearch.study.schema.data import LARGEST_VALUE, SMALLEST_RANGE, Images

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SMALLEST_SIDE = 8

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    EOFError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers were seen to raise on damaged files of the four formats."""
_PHOTOMETRIC = 262
_pillow_limit = threading.Lock()
_pillow_warnings = Silence()


def decode_image(path: Path, images: Images) -> NDArray[np.uint8]:
    """Read one PNG, JPEG, TIFF or BMP file.

    1-bit, 8-bit and 16-bit grey, RGB, palette, CMYK and (composited onto black) transparent images
    are read, turned upright by their EXIF orientation and brought to the wanted form as
    `fit_array` does. Grey of 16 bits keeps its precision until the end. Colour of 16
    bits does not: Pillow hands out its upper 8 bits only, which is all that is used of it. Colour
    profiles are ignored.

    Args:
        path: The file.
        images: What is wanted; its largest number of pixels is checked before anything is
            decoded.

    Returns:
        uint8, (size, size, channels).

    Raises:
        DataError: The file cannot be used; the message is "PATH: why".
    """
    try:
        with contextlib.ExitStack() as room:
            return fit_array(_values(_load(path, images.max_pixels, room)), images)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error.__cause__


def fit_array(values: NDArray[Any], images: Images) -> NDArray[np.uint8]:
    """Bring one image in memory to the study's size, channels and intensity range.

    In float32 throughout: channels first, then the steps of `images.preprocess` in their order,
    then the resizing to a square by `images.resize` (the aspect ratio is not kept), then black and
    white. "full" is 0 to 255 for 8 bits, 0 to 65535 for 16 bits and for wider whole numbers that
    fit, and 0 to 1 for fractions; "image" is the image's own range as the steps leave it, before it
    is resized. A step that normalises sets black and white itself, to what it stretched to.

    Args:
        values: (H, W), (H, W, 1) or (H, W, 3), whole numbers or fractions.
        images: What is wanted.

    Returns:
        uint8, (size, size, channels).

    Raises:
        DataError: NaN or infinite values or such beyond 1e30, a side below 8 pixels, or values
            outside the range that "full" gives their type.
    """
    check_size(values.shape[1], values.shape[0], images.max_pixels)
    # Not `>`: NaN is no less than anything. As float32, which the limit fits into: float16 is too
    # small for it.
    if values.dtype.kind == "f" and not (np.abs(values) <= np.float32(LARGEST_VALUE)).all():
        raise DataError(
            f"has pixels that are NaN or infinite, or beyond {LARGEST_VALUE:g}; replace them "
            "before use"
        )
    limits = _limits(values, images)
    return fit_planes(_planes(values, images.channels), limits, images)


def fit_planes(planes: Sequence[Plane], limits: Limits | None, images: Images) -> NDArray[np.uint8]:
    """Do the steps of `images.preprocess`, resize, and scale black .. white to 0 .. 255.

    Args:
        planes: One or three, float32, (H, W), finite.
        limits: Black and white; None: the image's own extremes after the steps.
        images: What is wanted.

    Returns:
        uint8, (size, size, channels).
    """
    planes, limits = preprocess(planes, limits, images.preprocess)
    low, high = own_range(planes) if limits is None else limits
    resized = np.stack([resize(plane, images.size, images.resize) for plane in planes], axis=-1)
    # An image of one value has no range of its own: it becomes black.
    scale = 255.0 / (high - low) if high - low >= SMALLEST_RANGE else 0.0
    with np.errstate(over="ignore"):  # what is beyond all numbers is white
        scaled = np.rint(np.clip((resized - low) * scale, 0, 255)).astype(np.uint8)
    return np.repeat(scaled, images.channels // scaled.shape[-1], axis=-1)


class _Room:
    """Where images are decoded that together have no more pixels than one may have.

    What one of many megapixels takes several threads would take at the same time.
    """

    def __init__(self) -> None:
        self._taken, self._changed = 0, threading.Condition()

    @contextlib.contextmanager
    def of(self, pixels: int, max_pixels: int) -> Iterator[None]:
        """Wait until there is room for an image of so many pixels, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken + pixels <= max_pixels)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


ROOM = _Room()


def _load(path: Path, max_pixels: int, room: contextlib.ExitStack) -> Image.Image:
    """Return the picture, decoded, whose room is given back with `room`."""
    check_file(path)
    # What Pillow only warns of (odd metadata, short reads) either does not touch the pixels or
    # raises when they are loaded.
    with _pillow_warnings:
        try:
            with _open(path) as picture:
                _check_header(picture, max_pixels)
                room.enter_context(ROOM.of(picture.width * picture.height, max_pixels))
                picture.load()
                return _upright(picture)
        except UnidentifiedImageError:
            if is_dicom(path):
                raise DataError('is a DICOM file; set data.kind = "dicom"') from None
            raise DataError("is not a PNG, JPEG, TIFF or BMP image that can be read") from None
        except DAMAGE as error:
            raise DataError(f"is truncated or damaged ({error})") from error


def check_file(path: Path) -> None:
    """Make sure that there is a regular file.

    Raises:
        DataError: There is none.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise DataError("does not exist") from None
    except OSError as error:
        raise DataError(f"cannot be opened ({error.strerror})") from error
    if path.is_dir():
        raise DataError("is a folder, not an image")
    if not path.is_file():
        raise DataError("is not a regular file")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    # Pillow's own limit on pixels is a global that warns or raises by its size; ours is checked on
    # the header instead, so that the setting alone decides.
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            picture = Image.open(path, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with picture:
        yield picture


def _check_header(picture: Image.Image, max_pixels: int) -> None:
    check_size(*picture.size, max_pixels)
    # The further pictures of a camera's MPO are previews of the first.
    if picture.format != "MPO" and _has_more(picture):
        raise DataError("holds several frames; save the one to be used as a file of its own")
    tags = getattr(picture, "tag_v2", {})
    if _is_deep(picture) and tags.get(_PHOTOMETRIC) == 0:
        raise DataError(
            "is a 16-bit TIFF with inverted grey values (WhiteIsZero), which Pillow does not "
            "turn round; save it with black as zero"
        )


def _has_more(picture: Image.Image) -> bool:
    """Whether there is a second frame; counting all of a file's can take minutes."""
    try:
        picture.seek(1)
    except EOFError:
        return False
    picture.seek(0)
    return True


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Make sure that an image is neither too small nor, before it is decoded, too large.

    Raises:
        DataError: It is.
    """
    if min(width, height) < SMALLEST_SIDE:
        raise DataError(f"is {width} x {height} pixels; each side must be at least {SMALLEST_SIDE}")
    if width * height > max_pixels:
        raise DataError(
            f"is {width} x {height} = {width * height} pixels, more than images.max_pixels = "
            f"{max_pixels}; raise that limit if the file is genuine"
        )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except DAMAGE:
        # Damaged metadata say nothing about the orientation; the pixels are whole.
        return picture.copy()


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _values(picture: Image.Image) -> NDArray[Any]:
    """Return the pixels: grey (H, W) of any depth, or uint8 RGB (H, W, 3)."""
    if _is_deep(picture):
        return np.asarray(picture)
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, rgba).convert("RGB")
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))


def _planes(values: NDArray[Any], channels: int) -> list[Plane]:
    """Return one float32 plane per channel wanted; a grey image has one, whatever is wanted."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        return [np.ascontiguousarray(values, dtype=np.float32)]
    colours = [np.ascontiguousarray(values[..., c], dtype=np.float32) for c in range(3)]
    return colours if channels == 3 else [luma(colours)]


def _limits(values: NDArray[Any], images: Images) -> Limits | None:
    """Return black and white; None if they are the image's own."""
    if images.intensity_range == "full":
        return _range_of_type(values)
    return None if images.intensity_range == "image" else images.intensity_range


def _range_of_type(values: NDArray[Any]) -> Limits:
    kind, n_bytes = values.dtype.kind, values.dtype.itemsize
    if kind == "u" and n_bytes <= 2:
        return (0.0, 255.0 if n_bytes == 1 else 65535.0)
    top = 1.0 if kind == "f" else 65535.0
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > top:
        raise DataError(
            f"has values from {low:g} to {high:g}, but the full range of such a file is 0 to "
            f'{top:g}; set images.intensity_range to [low, high] or to "image"'
        )
    return (0.0, top)
