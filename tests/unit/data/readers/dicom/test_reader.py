import numpy as np
import pytest

from augsearch.data.dataset import load_dataset, read_listing
from augsearch.errors import DataError
from augsearch.seeds import Seed
from augsearch.study.schema.data import DicomData, Images

IMAGES = Images(size=16)


@pytest.fixture
def save(save_dicom, ramp, tmp_path):
    """Write a file at a path below the data's folder."""

    def save(name, patient="one", syntax="ExplicitVRLittleEndian", **attributes):
        values = ramp(0, 4095)
        save_dicom(tmp_path / "data" / name, values, syntax, 12, PatientID=patient, **attributes)

    return save


@pytest.fixture
def read(tmp_path):
    """List the data, a folder or a table in it."""

    def read(path="data", artifacts="artifacts", **options):
        options |= {"kind": "dicom", "path": tmp_path / path}
        data = DicomData.model_validate(options)
        return read_listing(data, IMAGES, Seed.of(0), tmp_path / artifacts)

    return read


@pytest.fixture
def folders(save):
    """Two classes, in series folders and without, of three patients."""
    save("fluid/a.dcm", "ID-A")
    save("fluid/series 1/0001", "ID-B")
    save("fluid/series 1/0002", "ID-B")
    save("none/deep/er/c.IMA", "ID-C")
    save("none/b.dcm", "ID-B")


def test_files_of_series_folders_are_grouped_by_patient(folders, read):
    listing = read()
    assert [entry.name for entry in listing.entries] == [
        "fluid/a.dcm",
        "fluid/series 1/0001",
        "fluid/series 1/0002",
        "none/b.dcm",
        "none/deep/er/c.IMA",
    ]
    assert listing.classes == ("fluid", "none")
    groups = [entry.group for entry in listing.entries]
    assert [groups.index(group) for group in groups] == [0, 1, 1, 1, 4]
    assert not any("ID-" in group for group in groups)
    assert listing.warnings == ()


def test_numbers_do_not_depend_on_the_salt(folders, tmp_path):
    data = DicomData(kind="dicom", path=tmp_path / "data")
    one, other = (
        load_dataset(data, IMAGES, tmp_path / run / "data", Seed.of(0)) for run in ("one", "other")
    )
    assert set(one.group_names).isdisjoint(other.group_names)
    for field in ("pixels", "labels", "groups"):
        assert np.array_equal(getattr(one.images, field), getattr(other.images, field))
    assert one.images.names == other.images.names


def test_a_second_reading_finds_what_the_first_decoded(folders, tmp_path):
    data = DicomData(kind="dicom", path=tmp_path / "data")
    folder = tmp_path / "run" / "data"
    first = load_dataset(data, IMAGES, folder, Seed.of(0))
    made = (folder / "pixels.npy").stat()
    again = load_dataset(data, IMAGES, folder, Seed.of(0))
    assert (folder / "pixels.npy").stat().st_ino == made.st_ino
    assert again.group_names == first.group_names


def test_a_path_that_tells_the_patient_is_numbered(save, read):
    save("fluid/Doe_Jane/1.dcm", "MRN42", PatientName="Doe^Jane")
    save("fluid/x/mrn-42_2.dcm", "MRN42", PatientName="Doe^Jane")
    save("fluid/y/3.dcm", "MRN43")
    names = [entry.name for entry in read().entries]
    assert names == ["fluid/#1/1.dcm", "fluid/x/#2", "fluid/y/3.dcm"]


def test_so_is_that_of_a_damaged_file_by_what_the_others_say(save, read, tmp_path):
    save("fluid/x/1.dcm", "MRN42", PatientName="Doe^Jane")
    (tmp_path / "data/fluid/Jane.dcm").write_bytes(b"nothing")
    listing = read()
    assert [entry.name for entry in listing.entries] == ["fluid/#1", "fluid/x/1.dcm"]
    with pytest.raises(DataError, match=r"^fluid/#1: is not a DICOM file"):
        listing.decode(listing.entries[0].path, IMAGES)


def test_a_class_keeps_its_name_whatever_a_patient_is_called(save, read):
    save("fluid/1.dcm", "fluid")
    assert read().entries[0].name == "fluid/1.dcm"


def test_files_without_patient_are_grouped_by_study(save, read):
    save("fluid/a.dcm", "", StudyInstanceUID="1.2")
    save("fluid/b.dcm", None, StudyInstanceUID="1.2")
    save("none/c.dcm", None, StudyInstanceUID="1.3")
    save("none/d.dcm", None)
    save("none/e.dcm", None)
    listing = read()
    groups = [entry.group for entry in listing.entries]
    assert [groups.index(group) for group in groups] == [0, 0, 2, 3, 4]
    assert listing.warnings[0].startswith("5 of 5 DICOM files have no patient ID; of these")


def test_one_patient_for_all_is_told(save, read):
    save("fluid/a.dcm", "ANON")
    save("none/b.dcm", "ANON")
    assert read().warnings[0].startswith("all 2 DICOM files have the same patient ID")


def test_other_files_are_counted_and_left_out(folders, read, tmp_path):
    (tmp_path / "data/fluid/DOE_JANE.pdf").write_text("report")
    (tmp_path / "data/fluid/DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "data/fluid/.hidden").write_text("x")
    (tmp_path / "data/none/again").symlink_to(tmp_path / "data/fluid")
    listing = read()
    assert len(listing.entries) == 5
    assert listing.warnings == ("3 files or links to folders are not DICOM and are left out",)


def test_a_class_without_dicom_is_refused(folders, read, tmp_path):
    (tmp_path / "data/other").mkdir()
    with pytest.raises(DataError, match="must hold images of class 'other' but has no DICOM file"):
        read()
    assert len(read(classes=["none", "fluid"]).entries) == 5


@pytest.fixture
def table(save, tmp_path):
    save("scans/a.dcm", "ID-A")
    save("scans/ID-B/1.dcm", "ID-B")
    save("scans/2.dcm", "ID-B")
    (tmp_path / "data/labels.csv").write_text(
        "image,label,split,who\nscans/a.dcm,fluid,train,X-1\nscans/ID-B/1.dcm,none,tune,X-2\n"
        "scans/2.dcm,fluid,test,X-1\n"
    )


def test_a_table_names_dicom_files(table, read):
    listing = read("data/labels.csv", split_column="split")
    assert [entry.name for entry in listing.entries] == [
        "scans/a.dcm",
        "scans/#2/1.dcm",
        "scans/2.dcm",
    ]
    assert [entry.part for entry in listing.entries] == ["train", "tune", "test"]
    groups = [entry.group for entry in listing.entries]
    assert [groups.index(group) for group in groups] == [0, 1, 1]


def test_a_group_column_goes_before_the_tag_and_is_hashed_too(table, read):
    listing = read("data/labels.csv", group_column="who")
    groups = [entry.group for entry in listing.entries]
    assert [groups.index(group) for group in groups] == [0, 1, 0]
    assert not any("X-" in group for group in groups)


def test_unusable_files_are_listed_by_name(folders, save, tmp_path):
    save("none/movie.dcm", "D", NumberOfFrames=3)
    data = DicomData(kind="dicom", path=tmp_path / "data")
    with pytest.raises(DataError, match=r"none/movie\.dcm: holds 3 frames; save the one"):
        load_dataset(data, IMAGES, tmp_path / "run/data", Seed.of(0))
    skipping = IMAGES.model_copy(update={"on_bad_image": "skip"})
    dataset = load_dataset(data, skipping, tmp_path / "run/data", Seed.of(0))
    assert len(dataset.images) == 5
    assert dataset.skipped[0].startswith("none/movie.dcm: holds 3 frames")


def test_names_that_are_not_text_are_refused(folders, save, tmp_path):
    name = "none/caf\udce9.dcm"  # bytes that are no UTF-8, as Python holds them
    (tmp_path / "data" / name).write_bytes(b"")
    data = DicomData(kind="dicom", path=tmp_path / "data")
    with pytest.raises(DataError, match="must be UTF-8"):
        load_dataset(data, IMAGES, tmp_path / "run/data", Seed.of(0))
