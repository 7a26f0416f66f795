"""What a compressed frame says about itself, read before any decoder touches it."""

from __future__ import annotations

from typing import NamedTuple

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_SIZES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Second bytes of the markers whose segments hold the size: SOF0 to SOF15, and JPEG-LS's SOF55."""


class FrameSize(NamedTuple):
    """Height and width in pixels, and the number of components."""

    rows: int
    columns: int
    components: int


def frame_size(stream: bytes) -> FrameSize | None:
    """Return the size that a JPEG, JPEG-LS or JPEG 2000 code stream gives itself.

    Decoders allocate what the stream says, whatever the DICOM header does.

    Returns:
        None: The stream is none of these, or ends before it says so.
    """
    if stream.startswith(_JPEG_2000_START):
        return _jpeg_2000_size(stream)
    return _jpeg_size(stream) if stream.startswith(_JPEG_START) else None


def has_end(stream: bytes) -> bool:
    """Whether the code stream has its end mark; DICOM pads to an even length with a zero."""
    return stream.rstrip(b"\0").endswith(_END)


def _jpeg_2000_size(stream: bytes) -> FrameSize | None:
    """Read the SIZ segment: ISO/IEC 15444-1, A.5.1."""
    if len(stream) < 42:
        return None
    right, bottom, left, top = (_number(stream, at, 4) for at in (8, 12, 16, 20))
    return FrameSize(bottom - top, right - left, _number(stream, 40, 2))


def _jpeg_size(stream: bytes) -> FrameSize | None:
    """Read the first SOF segment: ISO/IEC 10918-1, B.2.2, and 14495-1, C.2.2."""
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker in _SIZES:
            rows, columns = _number(stream, at + 5, 2), _number(stream, at + 7, 2)
            return FrameSize(rows, columns, stream[at + 9])
        at += 2 + _number(stream, at + 2, 2)
    return None


def _number(stream: bytes, at: int, length: int) -> int:
    return int.from_bytes(stream[at : at + length], "big")
