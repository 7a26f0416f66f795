from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from augsearch.data.dataset import load_dataset, read_listing
from augsearch.data.decoding import fit_array
from augsearch.data.readers.array_readers import read_demo, read_digits, read_medmnist
from augsearch.data.readers.csv_reader import read_csv
from augsearch.data.readers.folder_reader import read_folder
from augsearch.data.readers.folders import files_below
from augsearch.errors import DataError
from augsearch.seeds import Seed
from augsearch.study.schema.data import (
    CsvData,
    DemoData,
    DigitsData,
    FolderData,
    Images,
    MedmnistData,
)


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (9, 9), 7).save(path)
    return path


# --- folders ------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("b/p2_1.png", "b/p1_9.JPG", "a/p1_1.png", "a/p3_1.tiff", "c/p4_1.bmp"):
        image(tmp_path / name)
    image(tmp_path / "a" / ".hidden.png")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_folders_are_classes(folders: Path) -> None:
    listing = read_folder(FolderData(kind="folder", path=folders))
    assert listing.classes == ("a", "b", "c")
    names = ["a/p1_1.png", "a/p3_1.tiff", "b/p1_9.JPG", "b/p2_1.png", "c/p4_1.bmp"]
    assert [entry.name for entry in listing.entries] == names
    assert [entry.label for entry in listing.entries] == ["a", "a", "b", "b", "c"]
    assert len({entry.group for entry in listing.entries}) == 5
    assert listing.warnings == ()
    assert list(listing.frames(listing.entries)) == [folders / name for name in names]


def test_classes_are_chosen_and_ordered_by_the_user(folders: Path) -> None:
    listing = read_folder(FolderData(kind="folder", path=folders, classes=("b", "a")))
    assert listing.classes == ("b", "a")
    assert {entry.label for entry in listing.entries} == {"a", "b"}
    with pytest.raises(DataError, match=r"no folder for class 'aa' \(did you mean 'a'\?\)"):
        read_folder(FolderData(kind="folder", path=folders, classes=("aa", "b")))


def test_accents_that_macos_keeps_apart_belong_to_their_letters(tmp_path: Path) -> None:
    image(tmp_path / "la\u0308sion" / "1.png")
    image(tmp_path / "clear" / "1.png")
    assert read_folder(FolderData(kind="folder", path=tmp_path)).classes == ("clear", "l\u00e4sion")
    for written in ("l\u00e4sion", "la\u0308sion"):
        data = FolderData(kind="folder", path=tmp_path, classes=("clear", written))
        listing = read_folder(data)
        assert listing.classes == ("clear", written)
        assert {entry.label for entry in listing.entries} == {"clear", written}


def test_the_order_of_files_is_that_of_their_names_on_every_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_on_windows(one: Path, other: Path) -> bool:
        return str(one).casefold() < str(other).casefold()

    monkeypatch.setattr(PurePath, "__lt__", as_on_windows)
    for name in ("x/a.png", "x/B.png", "Y/c.png"):
        image(tmp_path / name)
    listing = read_folder(FolderData(kind="folder", path=tmp_path))
    assert [entry.name for entry in listing.entries] == ["Y/c.png", "x/B.png", "x/a.png"]
    files = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)]
    assert files == ["Y/c.png", "x/B.png", "x/a.png"]


def test_the_file_name_tells_the_patient(folders: Path) -> None:
    listing = read_folder(FolderData(kind="folder", path=folders, group_pattern=r"^(p\d+)_"))
    assert [entry.group for entry in listing.entries] == ["p1", "p3", "p1", "p2", "p4"]


def test_a_group_pattern_must_match_every_file_name(folders: Path) -> None:
    with pytest.raises(DataError, match="5 of 5"):
        read_folder(FolderData(kind="folder", path=folders, group_pattern=r"^(x\d+)"))


def test_other_files_are_left_out_and_counted(folders: Path) -> None:
    (folders / "a" / "notes.txt").write_text("x")
    image(folders / "a" / "deeper" / "x.png")
    (warning,) = read_folder(FolderData(kind="folder", path=folders)).warnings
    assert "2 files or folders are not images" in warning
    assert "a/notes.txt" in warning


def test_a_folder_for_each_patient_is_pointed_out(tmp_path: Path) -> None:
    image(tmp_path / "a" / "patient 1" / "1.png")
    with pytest.raises(DataError, match=r"class 'a' but .*; move up those in its folders"):
        read_folder(FolderData(kind="folder", path=tmp_path))


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one folder of images per class"):
        read_folder(FolderData(kind="folder", path=tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="class 'empty'"):
        read_folder(FolderData(kind="folder", path=tmp_path))


# --- tables -------------------------------------------------------------------------------------


def table(folder: Path, text: str, **options: object) -> CsvData:
    for name in ("1.png", "2.png", "3.png", "4.png"):
        image(folder / "images" / name)
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return CsvData(kind="csv", path=path, **options)


FOUR = """image,label,who,set
images/1.png,ill,anna,training
images/2.png, well ,bob,Val
images/3.png,ill,anna,dev
images/4.png,other,carl,testing
"""


def test_a_table_gives_labels_groups_and_parts(tmp_path: Path) -> None:
    data = table(tmp_path, FOUR, group_column="who", split_column="set")
    listing = read_csv(data)
    assert listing.classes == ("ill", "other", "well")
    assert [entry.label for entry in listing.entries] == ["ill", "well", "ill", "other"]
    assert [entry.group for entry in listing.entries] == ["anna", "bob", "anna", "carl"]
    assert [entry.part for entry in listing.entries] == ["train", "tune", "tune", "test"]
    assert listing.entries[0].path == tmp_path / "images" / "1.png"


def test_rows_of_other_classes_are_left_out(tmp_path: Path) -> None:
    listing = read_csv(table(tmp_path, FOUR, classes=("well", "ill")))
    assert listing.classes == ("well", "ill")
    assert len(listing.entries) == 3
    assert "1 images of other classes ('other')" in listing.warnings[0]


def test_digits_sort_as_numbers_however_many(tmp_path: Path) -> None:
    labels = ["10", "2", "02", "7" * 5000, "0"]
    rows = "\n".join(
        f"{image(tmp_path / f'{i}.png').name},{label}" for i, label in enumerate(labels)
    )
    (tmp_path / "t.csv").write_text(f"image,label\n{rows}\n")
    listing = read_csv(CsvData(kind="csv", path=tmp_path / "t.csv"))
    assert listing.classes == ("0", "02", "2", "10", "7" * 5000)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark_are_understood(
    tmp_path: Path, separator: str
) -> None:
    listing = read_csv(table(tmp_path, "\ufeff" + FOUR.replace(",", separator)))
    assert [entry.label for entry in listing.entries] == ["ill", "well", "ill", "other"]


def test_absolute_paths_are_allowed(tmp_path: Path) -> None:
    text = f"image,label\n{tmp_path}/images/1.png,a\nimages/2.png,b\n"
    listing = read_csv(table(tmp_path, text))
    assert [entry.path for entry in listing.entries] == [
        tmp_path / "images" / "1.png",
        tmp_path / "images" / "2.png",
    ]


FINDINGS = """image,label
images/1.png,No Effusion
images/2.png,Mass|effusion | Edema
images/3.png,Mass
images/4.png,No Finding
"""
CONTAINS = {"healthy": "no finding", "effusion": "Effusion"}


def test_contains_looks_for_whole_findings(tmp_path: Path) -> None:
    listing = read_csv(table(tmp_path, FINDINGS, contains=CONTAINS))
    assert listing.classes == ("healthy", "effusion")
    assert [(entry.name, entry.label) for entry in listing.entries] == [
        ("images/2.png", "effusion"),
        ("images/4.png", "healthy"),
    ]
    assert "2 rows contain none" in listing.warnings[0]
    chosen = read_csv(table(tmp_path, FINDINGS, contains=CONTAINS, classes=("effusion", "healthy")))
    assert chosen.classes == ("effusion", "healthy")


def test_a_row_of_two_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 are of several(.|\n)*line 3: 'Mass\|effusion"):
        read_csv(table(tmp_path, FINDINGS, contains={"a": "Mass", "b": "Effusion"}))


def test_a_finding_that_no_row_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'Edema'"):
        read_csv(table(tmp_path, FINDINGS, contains={"a": "Mass", "b": "Oedema"}))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (FOUR, {"label_column": "lable"}, "did you mean 'label'"),
        (FOUR, {"group_column": "patient"}, "data.group_column = 'patient'"),
        (FOUR.replace("ill,anna", ",anna", 1), {}, r"label_column(.|\n)*line 2"),
        (FOUR.replace("bob", " "), {"group_column": "who"}, r"group_column(.|\n)*line 3"),
        (FOUR.replace("Val", "later"), {"split_column": "set"}, r"line 3: 'later'"),
        (FOUR.replace("2.png", "7.png"), {}, r"1 of 4 images(.|\n)*images/7.png"),
        (FOUR.replace("2.png", "../images/1.png"), {}, "lines 2 and 3"),
        (FOUR.replace("other", "oth,er"), {}, "line 5: 5 cells"),
        (FOUR, {"classes": ("ill", "wel")}, "did you mean 'well'"),
        ("image,label\n", {}, "at least one row"),
        ("image,label,label\nx,y,z\n", {}, "'label' must be there once"),
    ],
)
def test_tables_that_cannot_be_used_say_why(
    tmp_path: Path, text: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_csv(table(tmp_path, text, **options))


def test_the_first_20_missing_images_are_named(tmp_path: Path) -> None:
    rows = "".join(f"gone{number}.png,a\n" for number in range(33))
    with pytest.raises(DataError, match="33 of 33") as caught:
        read_csv(table(tmp_path, "image,label\n" + rows))
    message = str(caught.value)
    assert "gone19.png" in message
    assert "gone20.png" not in message
    assert "and 13 more" in message


def test_names_that_lack_their_suffix_are_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 2(.|\n)*There is '1.png'(.|\n)* \+ \"\.png\"\.$"):
        read_csv(table(tmp_path, "image,label\nimages/1,a\nimages/2,b\n"))
    with pytest.raises(DataError, match="1 of 2") as caught:
        read_csv(table(tmp_path, "image,label\nimages/1.png,a\nimages/1.jpg,b\n"))
    assert "There is" not in str(caught.value)


def test_a_table_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    data = table(tmp_path, FOUR)
    data.path.write_bytes("image,label\n1.png,gesünder\n".encode("latin-1"))
    with pytest.raises(DataError, match="save it anew as CSV UTF-8"):
        read_csv(data)


# --- arrays -------------------------------------------------------------------------------------


PARTS_OF_NPZ = {"train": 4, "val": 2, "test": 3}


def npz(folder: Path, **changes: np.ndarray | None) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for key, count in PARTS_OF_NPZ.items():
        arrays[f"{key}_images"] = rng.integers(0, 256, (count, 10, 10), dtype=np.uint8)
        arrays[f"{key}_labels"] = np.arange(count)[:, None] % 2
    arrays |= changes
    path = folder / "set.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def test_medmnist_parts_and_labels(tmp_path: Path) -> None:
    path = npz(tmp_path)
    listing = read_medmnist(MedmnistData(kind="medmnist", path=path, classes=("well", "ill")))
    assert listing.classes == ("well", "ill")
    assert [entry.part for entry in listing.entries] == ["train"] * 4 + ["tune"] * 2 + ["test"] * 3
    assert [entry.label for entry in listing.entries][:4] == ["well", "ill", "well", "ill"]
    assert len({entry.group for entry in listing.entries}) == 9
    with np.load(path) as arrays:
        expected = np.concatenate([arrays[f"{key}_images"] for key in ("train", "val", "test")])
    frames = np.stack(list(listing.frames(listing.entries)))
    np.testing.assert_array_equal(frames, expected)


def test_medmnist_one_hot_labels_and_missing_parts(tmp_path: Path) -> None:
    hot = np.eye(3, dtype=int)[[2, 0, 1, 1]]
    path = npz(tmp_path, train_labels=hot, val_images=None, val_labels=None)
    listing = read_medmnist(MedmnistData(kind="medmnist", path=path))
    assert [entry.label for entry in listing.entries] == ["2", "0", "1", "1", "0", "1", "0"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_labels": np.array([[1, 1], [0, 1], [1, 0], [0, 0]])}, "one label"),
        ({"train_labels": np.zeros((4, 1))}, "whole numbers"),
        ({"train_labels": np.array([0, 1, -1, 0])}, "one is -1"),
        ({"train_labels": None}, "must hold train_labels"),
        ({"train_images": None}, "must hold train_images"),
        ({"val_images": np.zeros((9, 10, 10), np.uint8)}, "one image of at least 8 x 8"),
        ({"val_images": np.zeros((2, 7, 9), np.uint8)}, "one image of at least 8 x 8"),
        ({"val_images": np.zeros((2, 9, 9, 9), np.uint8)}, r"\(N, H, W, 3\)"),
        ({"val_images": np.zeros((2, 9, 9), object)}, "val_images cannot be read"),
    ],
)
def test_medmnist_files_that_cannot_be_used_say_why(
    tmp_path: Path, changes: dict[str, np.ndarray | None], words: str
) -> None:
    path = npz(tmp_path, **changes)
    with pytest.raises(DataError, match=words):
        listing = read_medmnist(MedmnistData(kind="medmnist", path=path))
        list(listing.frames(listing.entries))


def test_medmnist_labels_that_begin_at_1_are_named_in_order(tmp_path: Path) -> None:
    labels = {f"{key}_labels": np.arange(n) % 2 + 1 for key, n in PARTS_OF_NPZ.items()}
    data = MedmnistData(kind="medmnist", path=npz(tmp_path, **labels), classes=("well", "ill"))
    assert [entry.label for entry in read_medmnist(data).entries][:2] == ["well", "ill"]


def test_medmnist_images_may_have_an_axis_for_grey(tmp_path: Path) -> None:
    grey = {f"{key}_images": np.full((n, 9, 9, 1), n, np.uint8) for key, n in PARTS_OF_NPZ.items()}
    listing = read_medmnist(MedmnistData(kind="medmnist", path=npz(tmp_path, **grey)))
    frames = [fit_array(frame, Images(size=9)) for frame in listing.frames(listing.entries)]
    assert [int(frame.mean()) for frame in frames] == [4] * 4 + [2] * 2 + [3] * 3


def test_medmnist_class_names_must_fit_the_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which are 0, 1, in order, but has 3 names"):
        read_medmnist(MedmnistData(kind="medmnist", path=npz(tmp_path), classes=("a", "b", "c")))


def test_what_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_text("hello")
    with pytest.raises(DataError, match="npz"):
        read_medmnist(MedmnistData(kind="medmnist", path=path))
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(DataError, match="single array"):
        read_medmnist(MedmnistData(kind="medmnist", path=tmp_path / "x.npy"))


def test_digits() -> None:
    listing = read_digits(DigitsData(kind="digits", classes=("3", "8")))
    digits = load_digits()
    wanted = np.isin(digits.target, (3, 8))
    assert [int(entry.label) for entry in listing.entries] == digits.target[wanted].tolist()
    frames = np.stack(list(listing.frames(listing.entries)))
    np.testing.assert_allclose(frames / 255 * 16, digits.images[wanted], atol=0.04)
    assert read_digits(DigitsData(kind="digits")).classes == tuple("0123456789")


def test_demo_parts_share_no_patient() -> None:
    options = DemoData(kind="demo", train=10, tune=6, test=8)
    listing = read_demo(options, Images(size=16), Seed.of(0))
    parts = [entry.part for entry in listing.entries]
    assert parts == ["train"] * 10 + ["tune"] * 6 + ["test"] * 8
    seen = {entry.group: entry.part for entry in listing.entries}
    assert all(seen[entry.group] == entry.part for entry in listing.entries)
    frames = np.stack(list(listing.frames(listing.entries)))
    assert frames.shape == (24, 16, 16, 1)
    assert len(np.unique(frames.reshape(24, -1), axis=0)) == 24


def test_the_shifted_site_has_test_images_alone() -> None:
    options = DemoData(kind="demo", test=8, site="shifted")
    listing = read_demo(options, Images(size=16), Seed.of(0))
    assert [entry.part for entry in listing.entries] == ["test"] * 8


def test_labels_that_are_none_are_refused_at_once(tmp_path: Path) -> None:
    numbers = np.arange(100_000)
    path = npz(tmp_path, train_labels=numbers, val_images=None, test_images=None)
    data = MedmnistData(kind="medmnist", path=path)
    with pytest.raises(DataError, match="at most 1,000 classes but there are 100,000"):
        load_dataset(data, Images(size=8), tmp_path / "kept", Seed.of(0))


@pytest.mark.parametrize("name", ["a\x1b[2J.png", "a\nb.png", "\udcff.png"])
def test_names_that_no_table_could_hold_are_refused(tmp_path: Path, name: str) -> None:
    for place in ("a/1.png", f"b/{name}"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    data = FolderData(kind="folder", path=tmp_path, group_pattern="^(.)")
    with pytest.raises(DataError, match="the name of an image must be"):
        read_listing(data, Images(size=8), Seed.of(0), tmp_path)
