"""Decodes the images of a listing, in their order, into one .npy file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from augsearch.array_files import add_checksum
from augsearch.background import in_order
from augsearch.data.colour import in_colour
from augsearch.data.decoding import fit_array
from augsearch.data.readers.listing import Entry, Listing
from augsearch.errors import DataError
from augsearch.events import Advanced, Notify
from augsearch.files import replacing
from augsearch.messages import lines
from augsearch.study.schema.data import Images

_EVERY = 50
_NARROW = 25.5


@dataclass(frozen=True)
class Decoded:
    """What became of the entries of a listing.

    Attributes:
        rows: The entries that are in the file, in its order.
        skipped: The others, with the reason.
        warnings: What the user should know about the pixels.
    """

    rows: Sequence[int]
    skipped: Sequence[str]
    warnings: Sequence[str]


def decode_to_file(listing: Listing, images: Images, path: Path, notify: Notify) -> Decoded:
    """Write all images of `listing` to `path`, uint8, (N, size, size, channels), atomically.

    Raises:
        DataError: Some images cannot be used and `on_bad_image` is "error".
        StorageError: The disk is full.
    """
    rows: list[int] = []
    bad: list[str] = []
    darkest, brightest = 255, 0
    total = len(listing.entries)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            # Written, not mapped: on a full disk a write raises, a mapped page kills the process.
            _write_header(file, total, images)
            for row, pixels in enumerate(_decoded(listing, images)):
                if isinstance(pixels, str):
                    bad.append(pixels)
                else:
                    rows.append(row)
                    file.write(pixels.tobytes())
                    darkest = min(darkest, int(pixels.min()))
                    brightest = max(brightest, int(pixels.max()))
                if (row + 1) % _EVERY == 0 or row + 1 == total:
                    notify(Advanced(row + 1, total, "images"))
            if bad and images.on_bad_image == "error":
                raise DataError(
                    f"{len(bad)} of {total} images cannot be used:{lines(bad)}\nReplace them, or "
                    'set images.on_bad_image = "skip" to leave them out.'
                )
            _write_header(file, len(rows), images)
        add_checksum(temporary)
    warnings = _skip_warnings(bad) + _range_warnings(darkest, brightest)
    if images.channels == 1 and in_colour(listing.frames(listing.entries)):
        warnings.append(
            "images are in colour, but images.channels = 1 makes them grey; set it to 3 to keep "
            "their colours"
        )
    return Decoded(rows, bad, warnings)


def _decoded(listing: Listing, images: Images) -> Iterator[NDArray[np.uint8] | str]:
    """Yield each entry's pixels, or why it has none."""

    def decoded(read: tuple[Entry, Path | NDArray[Any]]) -> NDArray[np.uint8] | str:
        entry, frame = read
        try:
            if isinstance(frame, Path):
                return listing.decode(frame, images)
            return fit_array(frame, images)
        except DataError as error:
            return str(error) if isinstance(frame, Path) else f"{entry.name}: {error}"

    frames = listing.frames(listing.entries)
    return in_order(decoded, zip(listing.entries, frames, strict=True))


def _write_header(file: BinaryIO, count: int, images: Images) -> None:
    """Write the header of the .npy file at its start; NumPy pads it for any number of rows."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": "|u1",
            "fortran_order": False,
            "shape": (count, images.size, images.size, images.channels),
        },
    )


def _skip_warnings(bad: Sequence[str]) -> list[str]:
    if not bad:
        return []
    return [f"{len(bad)} images cannot be used and are left out:{lines(bad)}"]


def _range_warnings(darkest: int, brightest: int) -> list[str]:
    if brightest - darkest >= _NARROW or brightest < darkest:
        return []
    return [
        f"all images lie between {darkest} and {brightest} of 0 to 255, less than a tenth of the "
        "range, as 12-bit data in 16-bit files do; set images.intensity_range to [low, high] of "
        'the data (12 bits: [0, 4095]), or to "image" for each image\'s own range'
    ]
