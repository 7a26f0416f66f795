import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.data.readers.layouts import negative_first, recognise
from augsearch.data.scaffold import scaffold_study
from augsearch.errors import DataError
from augsearch.study.loading import load_study_file
from augsearch.study.schema.data import CsvData, DicomData, FolderData, MedmnistData
from augsearch.study.schema.generators import AcganOptions
from augsearch.study.schema.study import StudyFile


def class_folders(root: Path, **counts: int) -> Path:
    for name, n in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(n):
            (root / name / f"{index}.PNG").touch()
    return root


def table(path: Path, *rows: list[str], delimiter: str = ",") -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def written(folder: Path, tmp_path: Path) -> tuple[str, StudyFile]:
    """Write the study into another folder than the data and load it back."""
    text = scaffold_study(folder, tmp_path / "studies")
    path = tmp_path / "studies" / "made.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return text, load_study_file(path)


def test_class_folders(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "data", effusion=60, no_finding=70, notes=0)
    (folder / "no_finding" / "readme.txt").touch()
    text, study = written(folder, tmp_path)
    assert study.data == FolderData(
        kind="folder", path=folder.resolve(), classes=("no_finding", "effusion")
    )
    assert 'path = "../data"' in text
    assert "# Found 130 images:" in text
    assert '70  "no_finding"' in text
    assert "Fewer than" not in text
    assert study.split.method == "hold-out"
    assert study.baseline_arm == "real"
    assert study.evaluation.controls


def test_a_class_is_called_with_its_accents_as_parts_of_letters(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "data", **{"la\u0308sion": 60, "normal": 60})
    text, study = written(folder, tmp_path)
    assert study.data == FolderData(
        kind="folder", path=folder.resolve(), classes=("normal", "l\u00e4sion")
    )
    assert "\u0308" not in text


def test_what_is_suggested_as_iterations_is_what_the_preset_has(tmp_path: Path) -> None:
    text, study = written(class_folders(tmp_path / "images", well=60, ill=60), tmp_path)
    source = study.sources["acgan"]
    assert isinstance(source, AcganOptions)
    assert f"# iterations = {source.iterations} " in text


def test_small_and_uneven_classes_are_balanced_and_warned_about(tmp_path: Path) -> None:
    text, study = written(class_folders(tmp_path / "data", a=10, b=40), tmp_path)
    assert "Fewer than 50 images of a class" in text
    assert study.arms["search"].balance == "acgan"
    assert study.baseline_arm == "balanced"


def test_a_table_with_findings_groups_and_other_names(tmp_path: Path) -> None:
    rows = [["00.png", "Effusion|Mass", "7"], ["01.png", "No Finding", "8"]] * 2
    rows += [["02.png", "Mass", "9"], ["03.png", "Nodule", "9"]]
    path = table(
        tmp_path / "data" / "list.csv", ["Image Index", "Finding Labels", "Patient ID"], *rows
    )
    text, study = written(path.parent, tmp_path)
    assert study.data == CsvData(
        kind="csv",
        path=path.resolve(),
        image_column="Image Index",
        label_column="Finding Labels",
        group_column="Patient ID",
        contains={"No Finding": "No Finding", "Mass": "Mass"},
    )
    assert '3  "Mass"' in text
    assert '1  "Nodule"' in text


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


COLOUR = np.full((20, 30, 3), (215, 170, 150), np.uint8)
GREY = np.random.default_rng(0).integers(0, 256, (20, 30, 1), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "channels"), [(COLOUR, 3), (GREY[..., 0], 1), (np.repeat(GREY, 3, axis=2), 1)]
)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_colour_images_stay_in_colour(
    tmp_path: Path, pixels: np.ndarray, channels: int, suffix: str
) -> None:
    folder = class_folders(tmp_path / "data", a=1, b=1)  # two files that cannot be read
    for name in ("nv", "mel"):
        picture(folder / name / f"1.{suffix}", pixels)
    assert written(folder, tmp_path)[1].images.channels == channels
    rows = [[f"{name}/1.{suffix}", name] for name in ("nv", "mel")]
    path = table(folder / "x.csv", ["image", "dx"], *rows)
    assert recognise(path).channels == channels


def test_images_of_a_lesion_stay_together(tmp_path: Path) -> None:
    rows = [["l1", "1", "nv"], ["l1", "2", "nv"], ["l2", "3", "mel"]]
    path = table(tmp_path / "data" / "x.csv", ["lesion_id", "image_id", "dx"], *rows)
    assert recognise(path).columns["group"] == "lesion_id"


def dicom(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 128 + b"DICM")


def test_dicom_folders_with_series_in_them(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for number in range(60):
        dicom(folder / "effusion" / f"series {number % 7}" / f"IM{number:04}")
        dicom(folder / "normal" / f"{number}.dcm")
    dicom(folder / "normal" / "DICOMDIR")
    (folder / "normal" / "notes.txt").touch()
    text, study = written(folder, tmp_path)
    assert study.data == DicomData(
        kind="dicom", path=folder.resolve(), classes=("normal", "effusion")
    )
    assert "# Found 120 images:" in text
    assert "The patient ID tag keeps one patient's images together" in text
    assert "# intensity_range = [-160, 240]" in text
    assert "group_pattern" not in text


def test_a_table_of_dicom_files(tmp_path: Path) -> None:
    dicom(tmp_path / "data" / "scans" / "0001")
    path = tmp_path / "data" / "labels.csv"
    table(path, ["file", "diagnosis"], ["scans/0001", "normal"], ["scans/0002", "fluid"])
    text, study = written(tmp_path / "data", tmp_path)
    assert study.data == DicomData(
        kind="dicom",
        path=path.resolve(),
        image_column="file",
        label_column="diagnosis",
        classes=("normal", "fluid"),
    )
    assert "The patient ID tag" in text
    assert "patient_id" not in text


def test_findings_that_go_together_are_not_compared(tmp_path: Path) -> None:
    rows = [["1", "A|B"], ["2", "A|B"], ["3", "A"], ["4", "C"]]
    layout = recognise(table(tmp_path / "x.csv", ["image", "label"], *rows))
    assert layout.counts == {"A": 3, "C": 1}


def test_a_table_with_a_split_and_no_patient(tmp_path: Path) -> None:
    rows = [["a/1.png", "1", "train"], ["a/2.png", "0", "val"], ["a/3.png", "0", "test"]]
    path = table(tmp_path / "data" / "x.csv", ["path", "y", "split"], *rows, delimiter=";")
    class_folders(tmp_path / "data", a=3, b=3)  # the table says more than the folders
    text, study = written(path, tmp_path)
    assert isinstance(study.data, CsvData)
    assert study.data.classes == ("0", "1")
    assert study.data.split_column == "split"
    assert study.split.method == "given"
    assert '# group_column = "patient_id"' in text


def test_a_fold_number_is_no_split(tmp_path: Path) -> None:
    rows = [["1.png", "a", "0"], ["2.png", "b", "1"]]
    path = table(tmp_path / "x.csv", ["image", "label", "fold"], *rows)
    layout = recognise(path)
    assert not layout.has_split
    assert "split" not in layout.columns


def test_medmnist(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    arrays = {
        f"{part}_{what}": np.zeros((6, 28, 28, 3) if what == "images" else (6, 1), np.uint8)
        for part in ("train", "val", "test")
        for what in ("images", "labels")
    }
    arrays["train_labels"][:2] = 1
    np.savez(tmp_path / "data" / "blood.npz", **arrays)
    text, study = written(tmp_path / "data", tmp_path)
    assert isinstance(study.data, MedmnistData)
    assert (study.images.size, study.images.channels) == (32, 3)
    assert study.split.method == "given"
    assert '4  "0"' in text
    assert '2  "1"' in text


@pytest.mark.parametrize("odd", ['quote"d', "back\\slash", "tab\there", "del\x7f", "ünïcode", "#x"])
def test_odd_names_survive(tmp_path: Path, odd: str) -> None:
    folder = class_folders(tmp_path / odd, **{odd: 2, "other": 2})
    _, study = written(folder, tmp_path)
    assert isinstance(study.data, FolderData)
    assert study.data.path == folder.resolve()
    assert set(study.data.classes or ()) == {odd, "other"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "found: none of these"),
        (["1.png", "2.png"], "found: 2 images that no folder or table gives a class"),
        (["only/1.png"], "found: only/ with 1 images"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png"], "is split into test, train already"),
        (["x.csv"], "found: x.csv, which has no rows below its header"),
        (["a/p1/1.png", "b/p1/1.png"], "'a', 'b' with images only in folders further down; move"),
        (["a/.thumbnails/1.png", "b/.thumbnails/1.png"], "found: none of these"),
        (["x.npz"], "found: x.npz, which has no train_images and train_labels"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=message):
        scaffold_study(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image;label\n1.png;Ergu\xdf\n".encode("latin-1"), "in UTF-8; save it anew as CSV UTF-8"),
        (b'image,label\n1.png,a\n2.png,"b"c\n', "cannot be read as a table"),
        (
            b"image,MEL,NV\n1,1.0,0.0\n2,0.0,1.0\n",
            r"each class \('MEL', 'NV'\); give it one column",
        ),
        (b"file,outcome\n1.png,a\n", r"columns 'file', 'outcome' are not .*; call them image and"),
    ],
)
def test_why_a_table_is_of_no_use(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"found: x.csv, .*{message}"):
        scaffold_study(tmp_path, tmp_path)


def test_findings_of_which_every_two_go_together(tmp_path: Path) -> None:
    rows = [["1", "A|B"], ["2", "A|C"], ["3", "A"], ["4", "A|C"]]
    layout = recognise(table(tmp_path / "x.csv", ["image", "label"], *rows))
    assert layout.counts == {"B": 1, "C": 2}
    path = table(tmp_path / "x.csv", ["image", "label"], *rows, ["5", "B|C"])
    with pytest.raises(DataError, match="none such among 'A', 'B', 'C'; add a column"):
        recognise(path)


def test_numbers_stay_in_their_order(tmp_path: Path) -> None:
    rows = [[f"{number}.png", str(number)] for number in range(12)]
    layout = recognise(table(tmp_path / "x.csv", ["image", "label"], *rows))
    assert list(layout.counts) == [str(number) for number in range(12)]


@pytest.mark.parametrize("dtype", [bool, np.int64])
def test_an_archive_without_a_split_is_split(tmp_path: Path, dtype: type) -> None:
    labels = (np.arange(6) % 2).astype(dtype)
    np.savez(tmp_path / "x.npz", train_images=np.zeros((6, 9, 9, 1)), train_labels=labels)
    text, study = written(tmp_path / "x.npz", tmp_path)
    assert study.split.method == "hold-out"
    assert 'classes = ["name of 0", "name of 1"]' in text


def test_one_class_and_no_folder(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", ["image", "label"], ["1.png", "a"])
    with pytest.raises(DataError, match="two classes or more in column 'label' but has 1: a"):
        scaffold_study(path, tmp_path)
    path = table(tmp_path / "x.csv", ["image", "label"], ["1.png", "|"])
    with pytest.raises(DataError, match="but has 0: none"):
        scaffold_study(path, tmp_path)
    with pytest.raises(DataError, match="must exist but"):
        scaffold_study(tmp_path / "gone", tmp_path)


def test_negative_first() -> None:
    assert negative_first(["Effusion", "No Finding"]) == ["No Finding", "Effusion"]
    assert negative_first(["no_tumour", "a"]) == ["no_tumour", "a"]
    assert negative_first(["1", "0"]) == ["0", "1"]
    assert negative_first(["Nodule", "Mass"]) == ["Mass", "Nodule"]
