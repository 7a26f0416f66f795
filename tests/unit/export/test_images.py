"""Synthetic images as files: pixels, what they say, and the table that other tools read."""

import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from augsearch.data.dataset import load_dataset
from augsearch.data.readers.layouts import recognise
from augsearch.execution.folds import Added
from augsearch.export.images import SourceFacts, folder_names, write_images
from augsearch.export.manifest import Origin
from augsearch.records import ImageBlock, Portion
from augsearch.seeds import Seed
from augsearch.study.schema.data import CsvData, Images

ORIGIN = Origin("Lunge <1>", "abcd", "search", "1.2.3", fold=0, stream=65536)
FACTS = {"gan": SourceFacts("acgan", "f00d")}
CLASSES = ("No Finding", "Effusion")


def added(label, first, count, channels=1):
    pixels = np.random.default_rng(label).integers(0, 256, (8, 16, 16, channels), dtype=np.uint8)
    rows = np.arange(count, dtype=np.int64) + 2
    portion = Portion(ImageBlock.of(pixels), rows, np.full(count, label, dtype=np.int64))
    return Added("gan", label, first, [portion]), pixels[rows]


@pytest.mark.parametrize("channels", [1, 3])
def test_files_hold_the_pixels_and_say_what_they_are(tmp_path, channels):
    one, pixels = added(1, 7, 3, channels)
    rows = write_images(tmp_path, [one], CLASSES, FACTS, ORIGIN, "png")
    assert [row.image for row in rows] == [f"Effusion/gan-00000{n}.png" for n in (7, 8, 9)]
    for row, wanted in zip(rows, pixels, strict=True):
        with Image.open(tmp_path / row.image) as image:
            found, said = np.asarray(image).reshape(wanted.shape), image.text
            assert hashlib.sha256(image.tobytes()).hexdigest() == row.sha256
        assert np.array_equal(found, wanted)
        assert said == {
            "Description": "Synthetic image, not a patient. Not for diagnosis.",
            "Software": "augsearch 1.2.3",
            "augsearch.synthetic": "yes",
            "augsearch.study": "Lunge <1>",
            "augsearch.run": "abcd",
            "augsearch.arm": "search",
            "augsearch.source": "gan",
            "augsearch.kind": "acgan",
            "augsearch.class": "Effusion",
            "augsearch.fold": "0",
            "augsearch.stream": "65536",
            "augsearch.number": str(row.number),
            "augsearch.sha256": row.sha256,
            "augsearch.generator": "f00d",
        }


def test_the_manifest_is_a_table_that_a_study_reads(tmp_path):
    sets = [added(0, 0, 4), added(1, 0, 2)]
    write_images(tmp_path / "out", [one for one, _ in sets], CLASSES, FACTS, ORIGIN, "png")
    layout = recognise(tmp_path / "out")
    assert (layout.kind, layout.counts) == ("csv", {"No Finding": 4, "Effusion": 2})
    assert layout.columns == {"image": "image", "label": "label"}
    data = CsvData(kind="csv", path=tmp_path / "out" / "manifest.csv", classes=CLASSES)
    images = Images(size=16, channels=1)
    read = load_dataset(data, images, tmp_path / "decoded", Seed.of(0)).images
    assert read.classes == CLASSES
    assert read.class_counts() == (4, 2)
    assert np.array_equal(read.pixels, np.concatenate([pixels for _, pixels in sets]))


def test_the_same_images_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_images(tmp_path / name, [added(0, 0, 2)[0]], CLASSES, FACTS, ORIGIN, "png")
    files = sorted(path.relative_to(tmp_path / "a") for path in tmp_path.glob("a/**/*.*"))
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_dicom_files_say_that_they_are_synthetic(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    one, pixels = added(1, 7, 2)
    rows = write_images(tmp_path, [one], CLASSES, FACTS, ORIGIN, "dicom")
    assert [row.image for row in rows] == ["Effusion/gan-000007.dcm", "Effusion/gan-000008.dcm"]
    file = pydicom.dcmread(tmp_path / rows[1].image)
    assert file.SyntheticData == "YES"
    assert file.InstanceNumber == 9
    assert np.array_equal(file.pixel_array, pixels[1, ..., 0])


@pytest.mark.parametrize(
    "classes",
    [
        ("a/b", "c"),
        ("..", "c"),
        ("", "c"),
        ("A", "a"),
        ("x\0y", "c"),
        (".hidden", "c"),
        ("a" * 101, "c"),
        ("grade >= 2", "c"),
        ("suspicious?", "c"),
        ("susp.", "c"),
        ("Con", "c"),
    ],
)
def test_class_names_that_no_folder_can_have(tmp_path, classes):
    assert folder_names(classes) == ["class0", "class1"]
    rows = write_images(tmp_path / "out", [added(0, 0, 1)[0]], classes, FACTS, ORIGIN, "png")
    assert rows[0].image == "class0/gan-000000.png"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["label"] == classes[0]
