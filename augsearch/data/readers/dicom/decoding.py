"""One DICOM file becomes uint8 pixels of the study's size and channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augsearch.data.decoding import ROOM, check_size, fit_planes
from augsearch.data.readers.dicom.codestream import frame_size, has_end
from augsearch.data.readers.dicom.frames import FrameDecoder
from augsearch.data.readers.dicom.greys import grey_plane
from augsearch.data.readers.dicom.tags import UNREADABLE, damage_of, known_name, read_file, whole
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PLAIN = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
_RLE = "1.2.840.10008.1.2.5"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91))
_REST_BYTES = 1 << 26
"""What a file may hold beside its pixels: overlays, private attributes, an icon."""
_REST_OF_STREAM = 1 << 16
"""What a compressed frame may hold beside pixels that compression has made twice as large."""
_COLOURS = (
    "RGB",
    "PALETTE COLOR",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_420",
    "YBR_ICT",
    "YBR_RCT",
)
SUPPORTED = _PLAIN | _JPEG | {_RLE}
"""UIDs of the transfer syntaxes that are read."""


def decode_dicom(path: Path, images: Images, frames: FrameDecoder) -> NDArray[np.uint8]:
    """Read one DICOM file with a single-frame grey image.

    Its greys are those of `grey_plane`; 12 and 16 bits keep their precision until the end. Uncom-
    pressed, JPEG (baseline, extended of 8 bits, lossless), JPEG-LS, JPEG 2000 and RLE.

    Args:
        path: The file.
        images: What is wanted; its largest number of pixels is checked before anything is
            decoded.
        frames: Decompresses.

    Returns:
        uint8, (size, size, channels).

    Raises:
        DataError: The file cannot be used; the message says why, and nothing of its attributes
            that could tell a person.
    """
    file = read_file(path, SUPPORTED)
    with damage_of("header"):
        _check_image(file, images.max_pixels)
        _check_length(path, file)
        syntax = str(file.file_meta.TransferSyntaxUID)
        options = _description(file)
    with ROOM.of(file.Rows * file.Columns, images.max_pixels):
        with damage_of("pixel data"):
            stored = _stored(file, syntax, options, frames)
        with damage_of("header"), np.errstate(all="ignore"):
            plane = grey_plane(stored, file, images.intensity_range)
        return fit_planes([plane], (0.0, 1.0), images)


def _check_image(file: Dataset, max_pixels: int) -> None:
    """Refuse by name what is not one grey image."""
    if "PixelData" not in file:
        kind = known_name(file.get("SOPClassUID"))
        raise DataError(f"has no pixel data, so it is truncated or no image (its class is {kind})")
    if (whole(file, "NumberOfFrames") or 1) > 1:
        raise DataError(
            f"holds {whole(file, 'NumberOfFrames')} frames; save the one to be used as a file of "
            "its own"
        )
    if "SharedFunctionalGroupsSequence" in file:
        kind = known_name(file.get("SOPClassUID"))
        raise DataError(
            f"is of the multi-frame class {kind}; save its frame as a single-frame image"
        )
    colour = file.get("PhotometricInterpretation")
    if whole(file, "SamplesPerPixel") != 1 or colour not in ("MONOCHROME1", "MONOCHROME2"):
        known = colour in _COLOURS
        raise DataError(
            f"is not a grey image{f' but {colour}' if known else ''}; only MONOCHROME1 and "
            "MONOCHROME2 are read; convert it to grey, or to PNG for other kinds of data"
        )
    rows, columns = whole(file, "Rows"), whole(file, "Columns")
    if rows is None or columns is None:
        raise DataError("is truncated or damaged (it says no size)")
    check_size(columns, rows, max_pixels)
    _check_bits(file)


def _check_length(path: Path, file: Dataset) -> None:
    """Refuse a file that its image cannot fill, before its pixel data are read."""
    wanted, length = file.Rows * file.Columns * file.BitsAllocated // 8, path.stat().st_size
    if length > 2 * wanted + _REST_BYTES:
        raise DataError(
            f"is damaged (it is of {length:,} bytes, its {file.Rows} x {file.Columns} pixels need "
            f"{wanted:,})"
        )


def _check_bits(file: Dataset) -> None:
    allocated, stored = whole(file, "BitsAllocated"), whole(file, "BitsStored")
    if allocated not in (8, 16) or stored is None or not 1 <= stored <= allocated:
        raise DataError(
            f"has {stored} of {allocated} bits per pixel; only 8 and 16 bits with whole numbers "
            "are read"
        )
    if whole(file, "HighBit") not in (None, stored - 1):
        raise DataError(
            f"keeps its {stored} bits below bit {whole(file, 'HighBit')}; only those that begin at "
            "bit 0 are read"
        )


def _description(file: Dataset) -> dict[str, Any]:
    """Return what pydicom's decoders have to know of an image."""
    return {
        "rows": file.Rows,
        "columns": file.Columns,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": file.BitsAllocated,
        "bits_stored": file.BitsStored,
        "pixel_representation": whole(file, "PixelRepresentation") or 0,
        "photometric_interpretation": str(file.PhotometricInterpretation),
        "pixel_keyword": "PixelData",
    }


def _stored(
    file: Dataset, syntax: str, options: Mapping[str, Any], frames: FrameDecoder
) -> NDArray[Any]:
    """Return the values that the pixel data hold."""
    from pydicom.pixels.decoders.base import get_decoder

    if syntax in _PLAIN:
        decoder = get_decoder(file.file_meta.TransferSyntaxUID)
        own = {**options, "pixel_vr": file["PixelData"].VR}
        pixels, _ = decoder.as_array(file.PixelData, index=0, raw=True, **own)
    else:
        _check_stream(file, syntax)
        pixels = frames.decode(syntax, options, file.PixelData)
    shape = (file.Rows, file.Columns)
    if pixels.shape != shape:
        raise DataError(f"is damaged (its pixels are {pixels.shape} but its header says {shape})")
    return pixels


def _check_stream(file: Dataset, syntax: str) -> None:
    """Compare what the compressed frame says of itself with the header that was checked."""
    from pydicom.encaps import get_frame

    if syntax == _JPEG_EXTENDED and file.BitsStored > 8:
        raise DataError(
            f"is of the transfer syntax {known_name(syntax)} with {file.BitsStored} bits, "
            f"{UNREADABLE}"
        )
    stream = get_frame(file.PixelData, 0, number_of_frames=1)
    plain = file.Rows * file.Columns * file.BitsAllocated // 8
    if len(stream) > 2 * plain + _REST_OF_STREAM:
        raise DataError(
            f"is damaged (its compressed pixels are {len(stream):,} bytes, uncompressed {plain:,})"
        )
    if syntax in _JPEG:
        _check_jpeg(file, stream)


def _check_jpeg(file: Dataset, stream: bytes) -> None:
    size = frame_size(stream)
    if size != (file.Rows, file.Columns, 1):
        said = "no size" if size is None else f"{size.rows} x {size.columns} x {size.components}"
        raise DataError(
            f"is damaged (its compressed pixels say {said}, its header "
            f"{file.Rows} x {file.Columns} x 1)"
        )
    if not has_end(stream):
        raise DataError("is truncated (its compressed pixels do not end)")
