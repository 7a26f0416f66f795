"""Damaged DICOM files: refused with a message, whatever the damage, and nothing else."""

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, get_frame

from augsearch.data.readers.dicom.decoding import decode_dicom
from augsearch.data.readers.dicom.frames import FrameDecoder
from augsearch.data.readers.dicom.patients import discreet, read_person
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

IMAGES = Images(size=16)
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def frames():
    decoder = FrameDecoder()
    yield decoder
    decoder.close()


@pytest.fixture(scope="module")
def files(save_dicom, tmp_path_factory):
    """The bytes of a file of each kind, and a path to write changed ones to."""
    path = tmp_path_factory.mktemp("fuzz") / "x.dcm"
    values = np.arange(400).reshape(20, 20) * 10
    made = {}
    for syntax in ("ImplicitVRLittleEndian", "JPEGLosslessSV1", "JPEGLSLossless", "RLELossless"):
        save_dicom(path, values, syntax, 12, WindowCenter="2000", WindowWidth="3000")
        made[syntax] = path.read_bytes()
    return made, path


def changed(whole, changes):
    damaged = bytearray(whole)
    for place, value in changes:
        damaged[int(place * (len(damaged) - 1))] = value
    return bytes(damaged)


def decoded_or_refused(path, frames):
    try:
        pixels = decode_dicom(path, IMAGES, frames)
    except DataError as error:
        assert str(error)
    else:
        assert pixels.shape == (16, 16, 1)


@settings(max_examples=120)
@given(syntax=st.sampled_from(["ImplicitVRLittleEndian", "RLELossless"]), changes=CHANGES)
def test_any_changed_bytes_of_a_file(files, frames, syntax, changes):
    made, path = files
    path.write_bytes(changed(made[syntax], changes))
    read_person(path)
    decoded_or_refused(path, frames)


@settings(max_examples=120)
@given(syntax=st.sampled_from(["JPEGLosslessSV1", "JPEGLSLossless"]), changes=CHANGES)
def test_any_changed_bytes_of_a_compressed_frame(files, frames, syntax, changes):
    """Some of these crash GDCM, in its own process."""
    made, path = files
    path.write_bytes(made[syntax])
    file = pydicom.dcmread(path)
    stream = get_frame(file.PixelData, 0, number_of_frames=1)
    file.PixelData = encapsulate([changed(stream, changes)])
    file.save_as(path)
    decoded_or_refused(path, frames)


@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    value=st.text("abcxyz019", min_size=1, max_size=12),
    around=st.tuples(st.sampled_from(["", "_", "-", " "]), st.sampled_from(["", ".dcm", "_1"])),
)
def test_no_part_of_a_path_keeps_a_value(name, value, around):
    before, after = around
    path = f"{name}/{before}{value.upper()}{after}"
    told = discreet(path, 5, {value})
    assert told.count("/") == path.count("/")
    assert told.endswith("/#5")
