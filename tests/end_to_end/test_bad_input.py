"""Each mistake a user can make: one clear message, exit code 2, nothing half-written."""

import functools

import numpy as np
import pytest
from PIL import Image

FOLDER_STUDY = """\
[images]
size = 16
[data]
kind = "folder"
path = "images"
[sources.classic]
kind = "classic"
[classifier]
backbone = "resnet18"
weights = "random"
[arms.real]
[arms.search]
search = {source = "classic", window = 2, max_multiple = 3}
"""

CSV_STUDY = FOLDER_STUDY.replace('kind = "folder"', 'kind = "csv"').replace(
    'path = "images"', 'path = "labels.csv"'
)


def make_images(folder, classes=("ill", "well"), count=15, size=16):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(pixels[index]).save(folder / name / f"{index}.png")


def one_class(folder):
    make_images(folder, classes=("ill",))


def truncated(folder):
    make_images(folder)
    for index in (3, 4):
        path = folder / "ill" / f"{index}.png"
        path.write_bytes(path.read_bytes()[:60])


def too_small(folder):
    make_images(folder)
    Image.new("L", (4, 40)).save(folder / "ill" / "3.png")


def too_large(folder):
    make_images(folder)
    Image.new("1", (9000, 8000)).save(folder / "ill" / "3.png")


def too_few(folder):
    make_images(folder, count=2)


DATA_FAULTS = [
    (lambda folder: None, ["study.toml:5: data.path", "images does not"]),
    (lambda folder: folder.mkdir(), ["one folder of images per class"]),
    (one_class, ["two classes", "ill"]),
    (truncated, ["3.png", "4.png", "on_bad_image"]),
    (too_small, ["3.png", "8"]),
    (too_large, ["3.png", "64"]),
    (too_few, ["ill", "2"]),
]


@pytest.fixture
def write(tmp_path):
    return (tmp_path / "study.toml").write_text


@pytest.fixture
def refused(call, tmp_path):
    return functools.partial(is_refused, call, tmp_path)


@pytest.mark.parametrize(("spoil", "words"), DATA_FAULTS)
def test_images_that_cannot_be_used(refused, write, tmp_path, spoil, words):
    write(FOLDER_STUDY)
    spoil(tmp_path / "images")
    refused(words)


STUDY_FAULTS = [
    ("window = 2", "windw = 2", ["study.toml:13: arms.search.search.windw", "'window'"]),
    ("window = 2", "window = 0", [":13: arms.search.search.window", "at least 1", "got 0"]),
    ('kind = "classic"', 'kind = "clasic"', [":7: sources.classic.kind", "acgan, dcgan"]),
    ('source = "classic"', 'source = "clasic"', [":13: arms.search.search.source", "classic"]),
    ("size = 16", 'size = "big"', ["study.toml:2: images.size", "big"]),
    ("size = 16", "size = = 16", ["study.toml:2"]),
    ('weights = "random"', 'weights = "study.toml"', ["study.toml"]),
    ('"resnet18"', '"resnet19"', ["resnet19", "resnet18"]),
]


@pytest.mark.parametrize(("old", "new", "words"), STUDY_FAULTS)
def test_study_files_that_cannot_be_used(refused, write, tmp_path, old, new, words):
    make_images(tmp_path / "images")
    write(FOLDER_STUDY.replace(old, new))
    refused(words)


CSV_FAULTS = [
    ("image,label\na.png,ill\nb.png,\n", ["label_column", "line 3"]),
    ("image,diagnosis\na.png,ill\n", ["label", "diagnosis"]),
    ("image,label\nmissing.png,ill\na.png,well\n", ["missing.png"]),
]


@pytest.mark.parametrize(("table", "words"), CSV_FAULTS)
def test_manifests_that_cannot_be_used(refused, write, tmp_path, table, words):
    for name in ("a.png", "b.png"):
        Image.new("L", (16, 16)).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text(table)
    write(CSV_STUDY)
    refused(words)


def test_bad_images_can_be_skipped(call, write, tmp_path):
    truncated(tmp_path / "images")
    write(FOLDER_STUDY.replace("size = 16", 'size = 16\non_bad_image = "skip"'))
    code, out, err = call("check", "study.toml")
    assert code == 0, err
    assert "3.png" in err + out


def test_copies_across_the_split_are_warned_of_or_refused(call, refused, write, tmp_path):
    """Every image is there as PNG and as JPEG, which no split by file keeps together."""
    rng = np.random.default_rng(0)
    for name in ("ill", "well"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(15):
            coarse = Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8))
            image = coarse.resize((48, 48), Image.Resampling.BICUBIC)
            image.save(tmp_path / "images" / name / f"{index}.png")
            image.save(tmp_path / "images" / name / f"{index}.jpg")
    study = FOLDER_STUDY.replace("size = 16", "size = 32")
    write(study)
    code, out, err = call("check", "study.toml")
    assert code == 0, err
    assert "scores come out too good" in out + err
    write("strict = true\n" + study)
    refused(["scores come out too good", ".jpg' (", "test set", "strict = false"])


def test_a_missing_study_file(augsearch):
    done = augsearch("run", "nowhere.toml")
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_is_not_a_run_is_left_alone(call, write, tmp_path):
    make_images(tmp_path / "images")
    write(FOLDER_STUDY)
    code, _, err = call("run", "study.toml", "--out", "images")
    assert code == 2
    assert "not empty and not a run" in err
    assert len(list((tmp_path / "images").rglob("*"))) == 32


def is_refused(call, folder, words):
    before = sorted(folder.rglob("*"))
    for command in ("run", "check"):
        code, _, err = call(command, "study.toml")
        assert code == 2, err
        assert "Traceback" not in err
        for word in words:
            assert word in err
        assert sorted(folder.rglob("*")) == before
