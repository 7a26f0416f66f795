"""A folder of DICOM files through the whole run, and nothing of its patients in what is written."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

CLASSES = ("normal", "fluid")
REAL = """\
device = "cpu"
[images]
size = 16
resize = "area"
on_bad_image = "skip"
[data]
kind = "dicom"
path = "scans"
classes = ["normal", "fluid"]
[split]
train = 0.5
tune = 0.25
test = 0.25
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[evaluation]
test_replicates = 2
[arms.real]
"""
SEARCH = """\
[arms.search]
search = {source = "acgan", window = 2, max_multiple = 3}
[audit]
images_per_class = 20
[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 20
"""
COUNT = 30
"""Images of a class."""
SYNTAXES = (
    "ExplicitVRLittleEndian",
    "JPEG2000Lossless",
    "JPEGLosslessSV1",
    "ImplicitVRLittleEndian",
)
PLANTED = (
    "MRN77",
    "Quixote",
    "Dulcinea",
    "19471105",
    "ACC88",
    "Elsewhere",
    "Sancho",
    "1.2.826.0.99",
)
"""Stands in every tag that tells somebody, of every file."""


def patient_of(number):
    """Two images of a patient, but for the last ones."""
    return f"MRN{7731000 + number // 2}"


def tags(number):
    return {
        "PatientID": patient_of(number),
        "PatientName": f"Quixote{number // 2}^Dulcinea",
        "PatientBirthDate": "19471105",
        "AccessionNumber": f"ACC{88000 + number}",
        "InstitutionName": "Elsewhere Hospital",
        "ReferringPhysicianName": "Sancho^Panza",
        "StudyInstanceUID": f"1.2.826.0.99.{number // 2}",
        "SeriesInstanceUID": f"1.2.826.0.99.{number // 2}.1",
        "SOPInstanceUID": f"1.2.826.0.99.{number // 2}.1.{number}",
    }


def place(folder, number):
    """Some paths tell the patient, as those of an export from a hospital's archive do."""
    label = CLASSES[number % 4 // 2]
    person, image = patient_of(number), f"1.2.826.0.99.{number // 2}.1.{number}.dcm"
    inner = (f"{person}/IM{number:04}", f"Quixote {number}/{image}", f"series/IM{number:04}")
    return folder / label / inner[number % 3]


def values(number):
    """12-bit values; some images of other patients are image 0 once more."""
    own = np.random.default_rng(0 if number in (9, 17, 25, 33) else number).normal(0, 400, (16, 16))
    return np.clip(1200 + 900 * (number % 4 // 2) + own, 0, 4095).astype(int)


def shown(number):
    """Compute what the window of 3,000 around 1,800 shows, as uint8."""
    return np.rint(255 * np.clip((values(number) - 1799.5) / 2999 + 0.5, 0, 1))


@pytest.fixture(scope="module")
def finished(command_line, save_dicom, tmp_path_factory):
    """(command line in its folder, what each of its commands printed)."""
    command = command_line(tmp_path_factory.mktemp("dicom"))
    data = command.folder / "scans"
    for number in range(2 * COUNT):
        turned = number % 2 == 1
        stored = 4095 - values(number) if turned else values(number)
        save_dicom(
            place(data, number),
            stored,
            SYNTAXES[number % 4],
            12,
            PhotometricInterpretation="MONOCHROME1" if turned else "MONOCHROME2",
            WindowCenter=str(4096 - 1800 if turned else 1800),
            WindowWidth="3000",
            **tags(number),
        )
    save_dicom(data / "fluid/Quixote/cine", values(1), NumberOfFrames=9, **tags(1))
    (data / "normal/MRN7731000/torn.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"Quixote")
    (data / "normal/Quixote.pdf").write_text("report")
    command.write(REAL + SEARCH)
    printed = [
        command("run", "tiny.toml"),
        command(
            "reader", "make", "runs/tiny", "--real", "8", "--synthetic", "4", "--out", "page.html"
        ),
    ]
    for done in printed:
        assert done.returncode == 0, done.stderr
    return command, printed


def listed():
    """The numbers of the images in the order of the data set: by class folder and path."""
    paths = {place(Path(), number): number for number in range(2 * COUNT)}
    return [paths[path] for path in sorted(paths)]


def test_the_run_ends_with_a_verdict(finished):
    results = finished[0].results()
    assert results["verdict"]["label"] in ("helps", "no evidence", "harms")


def test_every_way_to_store_an_image_gives_its_greys(finished):
    pixels = np.load(finished[0].folder / "runs/tiny/artifacts/data/pixels.npy")[..., 0]
    expected = np.stack([shown(number) for number in listed()])
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= 1  # a half may be rounded either way


def test_a_patient_is_in_one_part_under_one_pseudonym(finished):
    path = finished[0].folder / "runs/tiny/tables/split.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    found = defaultdict(set)
    for number, row in zip(listed(), rows, strict=True):
        found[patient_of(number)].add((row["group"], row["part"]))
    assert all(len(places) == 1 for places in found.values())
    assert len({next(iter(places))[0] for places in found.values()}) == COUNT


def test_files_are_refused_by_name_and_told(finished):
    warnings = finished[0].results()["warnings"]
    assert any("holds 9 frames" in warning for warning in warnings)
    assert any("identical" in warning for warning in warnings)
    assert "1 files or links to folders are not DICOM and are left out" in warnings


def test_nothing_that_tells_a_patient_is_written_anywhere(finished):
    command, printed = finished
    written = {
        str(path.relative_to(command.folder)): path.read_bytes()
        for path in command.folder.rglob("*")
        if path.is_file() and "scans" not in path.relative_to(command.folder).parts
    }
    assert {"runs/mlflow.db", "runs/tiny/ledger.db", "runs/tiny/log.jsonl", "page.html"} <= set(
        written
    )
    for number, done in enumerate(printed):
        written[f"output of command {number}"] = (done.stdout + done.stderr).encode()
    told = [
        (name, word)
        for name, content in written.items()
        for word in PLANTED
        if word.lower().encode() in content.lower()
    ]
    assert told == []


def test_a_check_tells_what_is_left_out_and_nobody(finished, call):
    code, out, err = call("check", finished[0].write(REAL, "real.toml"))
    assert code == 0, err
    assert re.search(r"left out: fluid/#\d+/cine: holds 9 frames", " ".join(out.split()))
    assert not [word for word in PLANTED if word.lower() in (out + err).lower()]
