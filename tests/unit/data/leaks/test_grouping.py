from pathlib import Path

import numpy as np
import pytest

from augsearch.data.dataset import Dataset
from augsearch.data.leaks.grouping import shared_patients, telling_names, wrong_group_column
from augsearch.records import LabelledImages
from augsearch.study.schema.data import (
    CsvData,
    DataOptions,
    DicomData,
    DigitsData,
    FolderData,
)

FOLDER = FolderData(kind="folder", path=Path())
CSV = CsvData(kind="csv", path=Path(__file__))
GROUPED = CsvData(kind="csv", path=Path(__file__), group_column="patient")


def dataset(names: list[str], groups: list[int] | None = None) -> Dataset:
    count = len(names)
    codes = np.arange(count) if groups is None else np.array(groups)
    images = LabelledImages(
        pixels=np.zeros((count, 8, 8, 1), dtype=np.uint8),
        labels=np.arange(count) % 2,
        groups=codes,
        names=tuple(names),
        classes=("ill", "well"),
    )
    return Dataset(images, None, (), tuple(str(code) for code in np.unique(codes)))


PATIENTS = {
    "nih": [f"images/{patient:08}_{shot:03}.png" for patient in range(10) for shot in range(3)],
    "kermany": [f"PNEUMONIA/person{p}_bacteria_{p * 3 + s}.jpeg" for p in range(9) for s in (0, 1)],
    "oct": [f"CNV/CNV-10{patient}-{shot}.jpeg" for patient in range(20) for shot in range(1, 8)],
    "brackets": [f"p{patient} ({shot}).png" for patient in range(6) for shot in range(4)],
}
OTHERS = {
    "numbered": [f"ill/{number}.png" for number in range(60)],
    "one word": [f"ill/image_{number:04}.png" for number in range(60)],
    "busi": [f"benign/benign ({number}).png" for number in range(60)],
    "isic": [f"ISIC_{number:07}.jpg" for number in range(60)],
    "one image a patient": [f"images/{patient:08}_000.png" for patient in range(60)],
    "years": [f"{year}_{number:03}.png" for year in range(2010, 2016) for number in range(40)],
    "a few": [f"p{number}_1.png" for number in range(40)] + ["p0_2.png", "p1_2.png"],
    "few prefixes": [f"site{site}_{number}.png" for site in range(4) for number in range(15)],
}


@pytest.mark.parametrize("names", PATIENTS.values(), ids=PATIENTS)
@pytest.mark.parametrize(("data", "option"), [(FOLDER, "group_pattern"), (CSV, "group_column")])
def test_names_that_tell_patients(names: list[str], data: DataOptions, option: str) -> None:
    hint = telling_names(dataset(names), data)
    assert hint is not None
    assert f"{len(names)} of {len(names)} images" in hint
    assert repr(names[0]) in hint
    assert repr(names[1]) in hint
    assert f"data.{option} is not set" in hint


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS)
def test_names_that_tell_nothing(names: list[str]) -> None:
    assert telling_names(dataset(names), FOLDER) is None
    assert telling_names(dataset(names), CSV) is None


def test_whoever_gives_groups_is_left_alone() -> None:
    names = PATIENTS["nih"]
    pattern = FolderData(kind="folder", path=Path(), group_pattern="(.*)")
    for data in (GROUPED, pattern, DigitsData(kind="digits")):
        assert telling_names(dataset(names), data) is None


def test_a_column_of_patients_with_one_image_each_is_not_doubted() -> None:
    names = [f"{number}.png" for number in range(60)]
    for data in (GROUPED, CSV, FOLDER):
        assert wrong_group_column(dataset(names), data) is None


def test_a_column_that_cannot_be_of_patients() -> None:
    names = PATIENTS["nih"]
    hint = wrong_group_column(dataset(names), GROUPED)
    assert hint is not None
    for word in (
        "data.group_column = 'patient'",
        "each of the 30 images",
        "leave group_column out",
    ):
        assert word in hint
    assert f"though 30 of 30 images have names like {names[0]!r} and {names[1]!r}" in hint
    assert wrong_group_column(dataset(names, [shot // 3 for shot in range(30)]), GROUPED) is None
    assert wrong_group_column(dataset(names), CSV) is None
    of_images = CsvData(kind="csv", path=Path(__file__), group_column="image")
    hint = wrong_group_column(dataset([f"{number}.png" for number in range(60)]), of_images)
    assert hint is not None
    assert "being the column of the images" in hint


def test_dicom_patients_of_both_sets_are_told() -> None:
    dicom = DicomData(kind="dicom", path=Path())
    home, away = dataset(list("abcd"), [0, 1, 2, 3]), dataset(list("xyz"), [3, 4, 5])
    told = shared_patients(home, away, dicom)
    assert told is not None
    assert told.startswith("1 of 3 patients of the external set have the ID of a patient of the")
    assert shared_patients(home, dataset(list("xy"), [4, 5]), dicom) is None
    assert shared_patients(home, None, dicom) is None
    assert shared_patients(home, away, CSV) is None
