import stat

import pytest

from augsearch.data.readers.dicom.patients import discreet, pseudonym, read_person, study_salt
from augsearch.errors import StorageError


def test_a_person_is_read_from_the_tags(save_dicom, ramp, tmp_path):
    save_dicom(
        tmp_path / "x.dcm",
        ramp(0, 9),
        PatientID=" MRN-0042 ",
        PatientName="Doe^Jane Mary",
        PatientBirthDate="19700131",
        OtherPatientIDs=["A1", "B-22"],
        InstitutionName="St. Elsewhere",
        StudyInstanceUID="1.2.3",
    )
    person = read_person(tmp_path / "x.dcm")
    assert (person.patient, person.study) == ("MRN-0042", "1.2.3")
    assert {"mrn0042", "doe", "jane", "doejanemary", "19700131", "a1", "b22"} <= person.values
    assert {"stelsewhere", "elsewhere", "123"} <= person.values


def test_of_an_unreadable_file_nobody_is_known(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert read_person(tmp_path / "x.dcm") is None
    assert read_person(tmp_path / "missing.dcm") is None


def test_the_salt_is_secret_and_kept(tmp_path):
    salt = study_salt(tmp_path / "artifacts")
    path = tmp_path / "artifacts" / "patients.salt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert study_salt(tmp_path / "artifacts") == salt
    assert study_salt(tmp_path / "other") != salt
    path.write_bytes(salt[:5])
    with pytest.raises(StorageError, match=r"patients\.salt must hold 32 bytes but holds 5"):
        study_salt(tmp_path / "artifacts")


def test_a_pseudonym_depends_on_salt_and_patient():
    assert pseudonym(b"a" * 32, "one") == pseudonym(b"a" * 32, "one")
    assert len({pseudonym(salt, who) for salt in (b"a", b"b") for who in ("one", "two")}) == 4
    assert len(pseudonym(b"a", "one")) == 16


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("series 1/IM0001.dcm", "series 1/IM0001.dcm"),
        ("MRN-0042/IM0001.dcm", "#7/IM0001.dcm"),
        ("x/mrn_0042_lat.dcm", "x/#7"),
        ("Doe, Jane/1970-01-31/a.dcm", "#7/#7/a.dcm"),
        ("ID-b 1/x", "#7/x"),
        ("Quixo/x", "#7/x"),
        ("cine/xote", "cine/xote"),
        ("Quixo12/0070/31", "Quixo12/0070/31"),
        ("patient 9/image19.dcm", "#7/image19.dcm"),
    ],
)
def test_parts_of_a_name_that_tell_somebody_are_numbered(name, expected):
    values = {"mrn0042", "doe", "jane", "19700131", "9", "idb", "quixote", "dulcinea"}
    assert discreet(name, 7, values) == expected
