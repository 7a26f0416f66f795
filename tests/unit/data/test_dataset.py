import os
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.data.dataset import load_dataset
from augsearch.errors import DataError, StorageError
from augsearch.events import Advanced, Event, Warned
from augsearch.seeds import Seed
from augsearch.study.schema.data import CsvData, DemoData, DigitsData, FolderData, Images

SEED = Seed.of(0)
SMALL = Images(size=8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two classes of three 8 x 8 images; image k of a class has the value 20 k + 10 (+ 100)."""
    for label, base in (("a", 10), ("b", 110)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(3):
            image = Image.new("L", (8, 8), base + 20 * number)
            image.save(tmp_path / "set" / label / f"p{number // 2}_{number}.png")
    return tmp_path / "set"


def options(path: Path, **more: object) -> FolderData:
    return FolderData(kind="folder", path=path, **more)


def decoded(events: list[Event]) -> bool:
    return any(isinstance(event, Advanced) for event in events)


def warned(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


def test_images_labels_groups_and_names(folders: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    data = options(folders, group_pattern=r"^(p\d)")
    dataset = load_dataset(data, SMALL, tmp_path / "cache", SEED, events.append)
    images = dataset.images
    assert isinstance(images.pixels, np.memmap)
    assert not images.pixels.flags.writeable
    assert images.pixels.shape == (6, 8, 8, 1)
    assert images.pixels[:, 4, 4, 0].tolist() == [10, 30, 50, 110, 130, 150]
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.groups.tolist() == [0, 0, 1, 0, 0, 1]
    assert (images.labels.dtype, images.groups.dtype) == (np.int64, np.int64)
    assert dataset.group_names == ("p0", "p1")
    assert images.names[1] == "a/p0_1.png"
    assert images.classes == ("a", "b")
    assert dataset.parts is None
    assert dataset.skipped == ()
    assert events == [Advanced(6, 6, "images")]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "images.json",
        "pixels.npy",
    ]


def test_the_same_inputs_are_not_decoded_again(folders: Path, tmp_path: Path) -> None:
    first = load_dataset(options(folders), SMALL, tmp_path / "cache", SEED)
    events: list[Event] = []
    second = load_dataset(options(folders), SMALL, tmp_path / "cache", SEED, events.append)
    assert not decoded(events)
    np.testing.assert_array_equal(first.images.pixels, second.images.pixels)
    assert first.images.names == second.images.names


@pytest.mark.parametrize("change", ["file", "options", "images", "more", "damage", "torn"])
def test_changed_inputs_are_decoded_again(folders: Path, tmp_path: Path, change: str) -> None:
    cache = tmp_path / "cache"
    load_dataset(options(folders), SMALL, cache, SEED)
    data, images = options(folders), SMALL
    if change == "file":
        Image.new("L", (8, 8), 99).save(folders / "a" / "p0_0.png")
        os.utime(folders / "a" / "p0_0.png", ns=(1, 1))
    elif change == "options":
        data = options(folders, classes=("b", "a"))
    elif change == "images":
        images = Images(size=9)
    elif change == "more":
        Image.new("L", (8, 8), 99).save(folders / "a" / "new.png")
    elif change == "damage":
        (cache / "images.json").write_text("{")
    else:
        (cache / "pixels.npy").write_bytes((cache / "pixels.npy").read_bytes()[:200])
    events: list[Event] = []
    dataset = load_dataset(data, images, cache, SEED, events.append)
    assert decoded(events)
    assert (dataset.images.pixels[0].flat[0] == 99) == (change in ("file", "more"))


def test_other_demo_seeds_are_drawn_anew(tmp_path: Path) -> None:
    data = DemoData(kind="demo", train=6, tune=4, test=4)
    first = load_dataset(data, SMALL, tmp_path, Seed.of(0))
    pixels = np.array(first.images.pixels)
    assert first.parts == ("train",) * 6 + ("tune",) * 4 + ("test",) * 4
    second = load_dataset(data, SMALL, tmp_path, Seed.of(1))
    assert (second.images.pixels != pixels).any(axis=(1, 2, 3)).all()


def test_external_demo_patients_are_not_those_of_the_study(tmp_path: Path) -> None:
    data = DemoData(kind="demo", train=6, tune=4, test=4)
    own = load_dataset(data, SMALL, tmp_path / "own", SEED)
    other = load_dataset(data, SMALL, tmp_path / "other", SEED, classes=own.images.classes)
    assert (own.images.pixels != other.images.pixels).any(axis=(1, 2, 3)).all()


def spoil(folders: Path, count: int) -> None:
    for number in range(count):
        (folders / "a" / f"bad{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def test_all_bad_images_are_listed(folders: Path, tmp_path: Path) -> None:
    spoil(folders, 23)
    with pytest.raises(DataError) as caught:
        load_dataset(options(folders), SMALL, tmp_path / "cache", SEED)
    message = str(caught.value)
    assert "23 of 29 images cannot be used" in message
    assert "bad00.png: " in message
    assert "bad19.png" in message
    assert "bad20.png" not in message
    assert "and 3 more" in message
    assert 'on_bad_image = "skip"' in message
    assert not list((tmp_path / "cache").iterdir())


def test_bad_images_can_be_left_out(folders: Path, tmp_path: Path) -> None:
    spoil(folders, 2)
    skip = Images(size=8, on_bad_image="skip")
    for _ in range(2):
        events: list[Event] = []
        dataset = load_dataset(options(folders), skip, tmp_path / "cache", SEED, events.append)
        assert len(dataset.skipped) == 2
        assert "bad00.png" in dataset.skipped[0]
        assert any("2 images cannot be used and are left out" in text for text in warned(events))
        assert dataset.images.pixels[:, 4, 4, 0].tolist() == [10, 30, 50, 110, 130, 150]
        assert dataset.images.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert len(dataset.images.names) == 6
    assert not decoded(events)


def test_a_class_without_good_images_is_refused(folders: Path, tmp_path: Path) -> None:
    for path in (folders / "a").iterdir():
        path.write_bytes(b"no")
    with pytest.raises(DataError, match="'a' has none once unusable files are left out"):
        load_dataset(options(folders), Images(on_bad_image="skip"), tmp_path / "cache", SEED)


def test_one_class_is_refused(folders: Path, tmp_path: Path) -> None:
    shutil.rmtree(folders / "b")
    with pytest.raises(DataError, match="at least two classes but there is only 'a'"):
        load_dataset(options(folders), SMALL, tmp_path / "cache", SEED)


def test_a_narrow_range_is_pointed_out(tmp_path: Path) -> None:
    for label, value in (("a", 0), ("b", 4095)):
        (tmp_path / "set" / label).mkdir(parents=True)
        pixels = np.full((8, 8), value, dtype=np.uint16)
        Image.fromarray(pixels).save(tmp_path / "set" / label / "1.png")
    events: list[Event] = []
    load_dataset(options(tmp_path / "set"), SMALL, tmp_path / "cache", SEED, events.append)
    (message,) = warned(events)
    assert "between 0 and 16" in message
    assert "[0, 4095]" in message
    events.clear()
    images = Images(size=8, intensity_range=(0, 4095))
    load_dataset(options(tmp_path / "set"), images, tmp_path / "cache", SEED, events.append)
    assert warned(events) == []


def test_external_classes_take_the_order_of_the_study(folders: Path, tmp_path: Path) -> None:
    dataset = load_dataset(options(folders), SMALL, tmp_path / "cache", SEED, classes=("b", "a"))
    assert dataset.images.classes == ("b", "a")
    assert dataset.images.labels.tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("classes", "words"),
    [(("a", "x"), "'b' is only here and 'x' is missing here"), (("a", "b", "c"), "'c' is missing")],
)
def test_external_classes_must_be_those_of_the_study(
    folders: Path, tmp_path: Path, classes: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DataError, match=f"external set: .*{words}"):
        load_dataset(options(folders), SMALL, tmp_path / "cache", SEED, classes=classes)


def test_digits_are_enlarged(tmp_path: Path) -> None:
    data = DigitsData(kind="digits", classes=("1", "7"))
    images = load_dataset(data, Images(size=16, channels=3), tmp_path, SEED).images
    assert images.pixels.shape == (361, 16, 16, 3)
    assert images.class_counts() == (182, 179)


def test_a_csv_split_reaches_the_dataset(folders: Path, tmp_path: Path) -> None:
    rows = [f"a/p0_0.png,x,{part}" for part in ("train",)] + ["b/p0_0.png,y,val"]
    path = folders / "table.csv"
    path.write_text("image,label,part\n" + "\n".join(rows))
    data = CsvData(kind="csv", path=path, split_column="part")
    assert load_dataset(data, SMALL, tmp_path / "cache", SEED).parts == ("train", "tune")


def test_a_full_disk_ends_in_an_error_and_the_next_call_goes_on(tmp_path: Path) -> None:
    data = DigitsData(kind="digits")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"pixels.npy"):
            load_dataset(data, SMALL, tmp_path, SEED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())
    assert len(load_dataset(data, SMALL, tmp_path, SEED).images) == 1797


def test_colours_are_not_lost_in_silence(folders: Path, tmp_path: Path) -> None:
    def warnings(channels: int) -> list[str]:
        events: list[Event] = []
        wanted = Images(size=8, channels=channels)
        load_dataset(options(folders), wanted, tmp_path / str(channels), SEED, events.append)
        return warned(events)

    (folders / "a" / "p0_0.png").unlink()
    Image.new("RGB", (8, 8), (50, 50, 50)).save(folders / "a" / "p0_0.png")  # grey, as colour
    assert warnings(1) == []
    Image.new("RGB", (8, 8), (90, 50, 70)).save(folders / "a" / "p0_0.png")
    assert [text.split(";")[0] for text in warnings(1)] == [
        "images are in colour, but images.channels = 1 makes them grey"
    ]
    assert warnings(3) == []
