from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from augsearch.data.readers.dicom import packages
from augsearch.errors import DataError, StorageError
from augsearch.export.dicom import write_secondary_capture
from augsearch.export.manifest import Origin, Row

ORIGIN = Origin("sinus", "a1b2", "search", "0.1.0", 2, 0)
ROW = Row("", "flüssig\\links", "acgan", "acgan", 17, "", "")
GREY = np.random.default_rng(0).integers(0, 256, (9, 15, 1), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (9, 15, 3), dtype=np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(pixels=GREY, row=ROW, origin=ORIGIN, name="made.dcm"):
        write_secondary_capture(tmp_path / name, pixels, row, origin)
        return pydicom.dcmread(tmp_path / name)

    return write


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_pixels_come_back_as_they_were(write, pixels):
    assert np.array_equal(write(pixels).pixel_array, pixels.squeeze())


def test_says_everywhere_that_it_is_synthetic(write):
    file = write()
    assert file.SOPClassUID.name == "Secondary Capture Image Storage"
    assert file.ImageType == ["DERIVED", "SECONDARY"]
    assert (file.SyntheticData, file.ConversionType, file.BurnedInAnnotation) == (
        "YES",
        "SYN",
        "NO",
    )
    for keyword in ("PatientName", "PatientID", "StudyDescription", "SeriesDescription"):
        assert "synthetic" in str(file[keyword].value).lower(), keyword
    assert "not a patient" in file.DerivationDescription
    assert "not a patient" in file.ImageComments


def test_tells_its_origin_without_a_second_value_or_a_long_one(write):
    file = write(origin=replace(ORIGIN, study="s" * 100))
    assert file["SeriesDescription"].VM == 1
    assert file.SeriesDescription == "Synthetic images: source acgan, class flüssig links, fold 2"
    assert "image 17 of its pool" in file.DerivationDescription
    assert len(file.StudyDescription) == 64


def test_same_image_gives_same_file(write, tmp_path):
    write(name="one.dcm")
    write(name="other.dcm")
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "other.dcm").read_bytes()


def test_uids_group_images_by_run_and_series(write):
    file = write()
    next_one = write(row=replace(ROW, number=18))
    other_class = write(row=replace(ROW, label="none"))
    other_run = write(row=replace(ROW, label="none"), origin=replace(ORIGIN, run="c3d4"))
    assert file.SOPInstanceUID != next_one.SOPInstanceUID
    assert file.SeriesInstanceUID == next_one.SeriesInstanceUID != other_class.SeriesInstanceUID
    assert file.StudyInstanceUID == other_class.StudyInstanceUID != other_run.StudyInstanceUID
    assert write(GREY[::-1]).SOPInstanceUID != file.SOPInstanceUID
    assert all(
        UID(uid).is_valid
        for uid in (file.StudyInstanceUID, file.SeriesInstanceUID, file.SOPInstanceUID)
    )


def test_unwritable_place_leaves_nothing(write, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        write(name="file/made.dcm")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_missing_package_is_named_with_the_remedy(write, monkeypatch):
    monkeypatch.setattr(
        packages, "find_spec", lambda name: find_spec(name) if name != "gdcm" else None
    )
    with pytest.raises(DataError, match=r"python-gdcm, .*pip install 'augsearch\[dicom\]'"):
        write()
