"""Hostile DICOM files: damaged headers, sizes that lie, compressed pixels that are none, bombs."""

from __future__ import annotations

import functools
import io
import warnings
import zlib
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian

from hostile.arena import Case
from hostile.mutations import mutated
from hostile.pictures import LINK_TARGETS, act, chunk, saved

__all__ = ["act", "cases"]

STUDY = b"""\
[images]
size = 8
on_bad_image = "%s"
[data]
kind = "dicom"
path = "images"
[arms.real]
"""
_COMPRESSED = {
    "1.2.840.10008.1.2.4.50": lambda: saved("L", (12, 10), "JPEG"),
    "1.2.840.10008.1.2.4.90": lambda: saved("L", (12, 10), "JPEG2000"),
    "1.2.840.10008.1.2.4.57": lambda: saved("L", (12, 10), "JPEG"),
    "1.2.840.10008.1.2.4.80": lambda: b"\xff\xd8\xff\xf7" + bytes(60) + b"\xff\xd9",
    "1.2.840.10008.1.2.5": lambda: (1).to_bytes(4, "little") + bytes(60) + b"\x81\0" * 4,
}


def file_of(syntax: str = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """Return a DICOM file of 12 x 10 pixels with some tags set otherwise."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    file = Dataset()
    file.file_meta = meta
    pixels = np.arange(120, dtype=np.uint16).tobytes()
    usual = {
        **{"SOPClassUID": meta.MediaStorageSOPClassUID, "SOPInstanceUID": "1.2.3"},
        **{"PatientID": "P1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.4"},
        **{"Rows": 10, "Columns": 12, "SamplesPerPixel": 1, "BitsAllocated": 16, "BitsStored": 12},
        **{"HighBit": 11, "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2"},
        **{"RescaleSlope": 1, "RescaleIntercept": 0, "WindowCenter": 60, "WindowWidth": 100},
        "PixelData": pixels,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in (usual | tags).items():
            if value is not None:
                setattr(file, name, value)
        target = io.BytesIO()
        file.save_as(target, enforce_file_format=True)
    return target.getvalue()


@functools.cache
def good_files() -> tuple[bytes, ...]:
    """Return whole files of several transfer syntaxes."""
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "WindowWidth": None}
    made = [file_of(), file_of(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=3)]
    made += [file_of("1.2.840.10008.1.2"), file_of(PixelData=bytes(120), **bits)]
    made.append(_with_lut())
    for syntax, stream in _COMPRESSED.items():
        made.append(file_of(syntax, PixelData=encapsulate([stream()]), **bits))
    return tuple(made)


def _with_lut() -> bytes:
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = np.arange(256, dtype=np.uint16).tobytes()
    table.ModalityLUTType = "US"
    return file_of(ModalityLUTSequence=[table], RescaleSlope=None, RescaleIntercept=None)


_ODD = st.fixed_dictionaries(
    {},
    optional={
        "Rows": st.sampled_from((0, 1, 8, 11, 65_535, None)),
        "Columns": st.sampled_from((0, 1, 8, 65_535, None)),
        "BitsAllocated": st.sampled_from((0, 1, 8, 32, 64, 65_535, None)),
        "BitsStored": st.sampled_from((0, 1, 8, 16, 17, None)),
        "HighBit": st.sampled_from((0, 15, 65_535, None)),
        "PixelRepresentation": st.sampled_from((1, 2, None)),
        "SamplesPerPixel": st.sampled_from((0, 3, None)),
        "NumberOfFrames": st.sampled_from(("0", "1", "2", "2147483647")),
        "PhotometricInterpretation": st.sampled_from(("RGB", "MONOCHROME1", "X\0", None)),
        "RescaleSlope": st.sampled_from(("0", "1e38", "-1", "1e-300", None)),
        "RescaleIntercept": st.sampled_from(("1e38", "-1e300", None)),
        "WindowWidth": st.sampled_from(("0", "-5", "1e300", None)),
        "WindowCenter": st.sampled_from(("1e300", "-1e300", None)),
        "PixelPaddingValue": st.sampled_from((0, 3, 65_535)),
        "PatientID": st.sampled_from(("", "x" * 60, "../../outside/x", "\\\\", "a^b=c", None)),
        "SpecificCharacterSet": st.sampled_from(("ISO_IR 192", "ISO 2022 IR 87", "nonsense")),
        "PixelData": st.sampled_from((b"", b"ab", bytes(2**16), None)),
    },
)


def _odd_file(tags: dict[str, Any]) -> bytes:
    """Return a file with odd tags; a good one where pydicom cannot write them."""
    try:
        return file_of(**tags)
    except Exception:  # pydicom fails in every way there is, and none of them matters here
        return file_of()


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return small files that claim or hold very much."""
    large = {"Rows": 65_535, "Columns": 65_535}
    deflated = file_of("1.2.840.10008.1.2.1.99", PixelData=bytes(2**25))
    grey = zlib.compress(bytes(272))
    streams = [b"\xff\x4f\xff\x51\0\x29\0\0" + b"\x7f" * 60, chunk(b"IDAT", grey), b"\0\0"]
    return (
        file_of(**large),
        deflated,
        file_of(Rows=7_900, Columns=7_900, PixelData=bytes(2)),
        *(file_of("1.2.840.10008.1.2.4.90", PixelData=encapsulate([one])) for one in streams),
        bytes(128) + b"DICM" + b"\xfe\xff\0\xe0" * 10_000,
        bytes(128) + b"DICM" + _nested(900),
    )


def _nested(levels: int) -> bytes:
    """Return sequences within sequences, each of unknown length."""
    opening = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    return opening * levels


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give a study of two classes of good files with one or two hostile ones among them."""
    files = {f"images/{name}/{at}.dcm": good_files()[at] for name in "ab" for at in range(2)}
    files["study.toml"] = STUDY % draw(st.sampled_from((b"error", b"skip")))
    good = st.deferred(lambda: st.sampled_from(good_files()))
    content = st.one_of(good.flatmap(mutated), good.flatmap(mutated), _ODD.map(_odd_file))
    if bulk and draw(st.integers(0, 40)) == 0:
        content = st.deferred(lambda: st.sampled_from(bombs()))
    name = draw(st.sampled_from(("x.dcm", "x", "IM0001", "series/x.dcm", "a\x1b.dcm", "DICOMDIR")))
    files[f"images/{draw(st.sampled_from('ab'))}/{name}"] = draw(content)
    links = {}
    if draw(st.integers(0, 25)) == 0:
        links["images/a/link.dcm"] = draw(st.sampled_from(LINK_TARGETS))
    return Case(files, links)
