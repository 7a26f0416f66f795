from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from augsearch.study.schema.data import CsvData, DicomData, DigitsData, FolderData, Images


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (Images, {"intensity_range": (5, 5)}, "must rise from black to white"),
        (DigitsData, {"kind": "digits", "classes": ("3",)}, "two or more different names"),
        (DigitsData, {"kind": "digits", "classes": ("3", "3")}, "two or more different names"),
        (FolderData, {"kind": "folder", "path": __file__}, "must be a folder but"),
        (CsvData, {"kind": "csv", "path": "."}, "must be a file but"),
        (FolderData, {"kind": "folder", "path": ".", "group_pattern": "("}, "regular expression"),
        (FolderData, {"kind": "folder", "path": ".", "group_pattern": r"p\d+"}, "in brackets"),
        (
            DicomData,
            {"kind": "dicom", "path": ".", "group_column": "who"},
            "is for a table but path",
        ),
        (CsvData, {"kind": "csv", "path": ".", "contains": {"a": "x"}}, "two classes or more"),
    ],
)
def test_tables_are_sound_without_a_study_file_too(
    table: type[Any], values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        table(**values)


def test_a_dicom_folder_survives_being_written_out_with_its_defaults() -> None:
    data = DicomData(kind="dicom", path=Path())
    assert DicomData.model_validate(data.model_dump()) == data
