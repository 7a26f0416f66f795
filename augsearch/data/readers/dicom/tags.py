"""Reads the attributes of DICOM files.

pydicom's own messages quote values, which may be a patient's name; none of them is passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from augsearch.data.decoding import DAMAGE, check_file
from augsearch.errors import DataError
from augsearch.silence import Silence

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DEFLATED = "1.2.840.10008.1.2.1.99"
_UID = re.compile(r"[0-9.]{1,64}")
_DEFERRED_BYTES = 1 << 20
_LARGEST = 1e15
"""No slope, intercept or window is larger; beyond it sums lose what a pixel holds."""
_pydicom = Silence("pydicom")


def read_header(path: Path, tags: Sequence[str]) -> Dataset:
    """Read some attributes of a file, and its file meta information, but no pixels.

    Raises:
        DataError: It is no DICOM file, is damaged, or is compressed as a whole.
    """
    return _read(path, list(tags))


def read_file(path: Path, supported: frozenset[str]) -> Dataset:
    """Read a file; large values, as its pixel data, are read when they are asked for.

    Raises:
        DataError: As `read_header`, or it is of a transfer syntax that is not `supported`.
    """
    return _read(path, None, supported)


def _read(path: Path, tags: list[str] | None, supported: frozenset[str] | None = None) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    check_file(path)
    with damage_of("header"):
        try:
            syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        except InvalidDicomError:
            raise DataError(
                "is not a DICOM file (no DICM after the first 128 bytes); rewrite a file of older "
                "make with DCMTK's dcmconv +F, or take it out"
            ) from None
        _check_syntax(syntax, supported)
        return dcmread(
            path,
            stop_before_pixels=tags is not None,
            specific_tags=tags,
            defer_size=_DEFERRED_BYTES,
        )


@contextmanager
def damage_of(part: str) -> Iterator[None]:
    """Turn what pydicom raises on damaged files into a message, and pass over what it says."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    with _pydicom:
        try:
            yield
        except (*DAMAGE, MemoryError, BytesLengthException, InvalidDicomError) as error:
            raise DataError(
                f"is truncated or damaged ({type(error).__name__} in its {part})"
            ) from None


def _check_syntax(syntax: str | None, supported: frozenset[str] | None) -> None:
    if syntax is None:
        raise DataError("is truncated or damaged (it names no transfer syntax)")
    # One of these decompresses as a whole before its size can be known.
    if syntax == _DEFLATED or (supported is not None and syntax not in supported):
        raise DataError(f"is of the transfer syntax {known_name(syntax)}, {UNREADABLE}")


UNREADABLE = (
    "which augsearch does not read; convert it to Explicit VR Little Endian (GDCM: gdcmconv --raw; "
    "DCMTK: dcmconv +te, of JPEG dcmdjpeg)"
)


def known_name(uid: str | None) -> str:
    """Return the name of a UID of the standard, another UID as it is, and no other text."""
    from pydicom.uid import UID

    text = UID(str(uid or ""))
    return text.name if text.type or _UID.fullmatch(text) else "(not a UID)"


def whole(header: Dataset, keyword: str) -> int | None:
    """Return an attribute that is one whole number; None if it is missing or empty.

    Raises:
        DataError: It is something else.
    """
    value = header.get(keyword)
    if value is None or value == "":
        return None
    if not isinstance(value, int):
        raise DataError(f"is damaged ({keyword} is not one whole number)")
    return int(value)


def real(header: Dataset, keyword: str) -> float | None:
    """Return an attribute that is a number, the first if there are several; None if missing.

    Raises:
        DataError: It is something else, or no number that can be meant.
    """
    value = header.get(keyword)
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if len(value) else None
    if value is None or value == "":
        return None
    number = float(value)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise DataError(f"is damaged ({keyword} is {number:g})")
    return number
