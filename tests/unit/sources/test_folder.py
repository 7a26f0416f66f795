import numpy as np
import pytest
from PIL import Image

from augsearch.errors import DataError, SourceError
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.folder import FolderSource
from augsearch.study.schema.sources import FolderOptions
from augsearch.testing.images import toy_images

TRAIN = toy_images((4, 4), size=16)


@pytest.fixture
def images(tmp_path):
    """Eight flat images of class-0 (grey values 0, 10 ...) and one of class-1."""
    for name, count in (("class-0", 8), ("class-1", 1)):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = np.full((20, 20), 10 * number, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "images"


def fit(images, seed=0, notify=lambda event: None):
    context = FitContext("made", 0, Seed.of(seed), images.parent / f"fit-{seed}", notify=notify)
    return FolderSource(FolderOptions(kind="folder", path=images)).fit(TRAIN, context)


def values(pool, label=0):
    pixels = pool.images(label, 0, pool.size(label))
    assert np.ptp(pixels, axis=(1, 2, 3)).max() == 0
    return pixels[:, 0, 0, 0].tolist()


def test_every_image_comes_once_in_the_size_of_the_training_images(images):
    pool = fit(images)
    assert pool.images(0, 0, 8).shape == (8, 16, 16, 1)
    assert sorted(values(pool)) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert (pool.size(0), pool.size(1)) == (8, 1)


def test_the_order_is_random_and_depends_on_the_seed(images):
    first, second = values(fit(images, 0)), values(fit(images, 1))
    assert first != sorted(first)
    assert first != second


def test_other_and_hidden_files_are_passed_over(images):
    (images / "class-0" / "notes.txt").write_text("not an image")
    (images / "class-0" / "._3.png").write_bytes(b"made by a file manager")
    assert fit(images).size(0) == 8


def test_accents_that_macos_keeps_apart_belong_to_their_letters(images):
    (images / "class-0").rename(images / "la\u0308sion")
    source = FolderSource(FolderOptions(kind="folder", path=images))
    assert list(source.sizes(("l\u00e4sion", "class-1"))) == [8, 1]


def test_asking_for_more_than_there_are_says_what_to_do(images):
    message = (
        "source 'made' has only 8 images of class 'class-0' but 9 are needed; "
        "add images, or lower the amounts of the arms that use it"
    )
    with pytest.raises(SourceError, match=message):
        fit(images).images(0, 3, 9)


def test_a_missing_class_folder_is_named_and_an_empty_one_is_allowed(images):
    (images / "class-1" / "0.png").unlink()
    assert fit(images, 0).size(1) == 0
    (images / "class-1").rmdir()
    with pytest.raises(SourceError, match="'class-1' is missing; name the folders like"):
        fit(images, 1)


def test_a_look_before_the_fit_counts_its_files_or_names_a_missing_folder(images):
    source = FolderSource(FolderOptions(kind="folder", path=images))
    assert source.sizes(TRAIN.classes) == [8, 1]
    with pytest.raises(SourceError, match="'third' is missing; name the folders like"):
        source.sizes([*TRAIN.classes, "third"])


def test_all_damaged_images_are_listed_and_a_second_try_works(images):
    for number in (2, 5):
        (images / "class-0" / f"{number}.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(DataError, match=r"(?s)2 of 9 images.*2\.png: .*5\.png: "):
        fit(images)
    for number in (2, 5):
        (images / "class-0" / f"{number}.png").unlink()
    assert fit(images).size(0) == 6


def test_the_files_may_not_change_between_two_fits(images):
    events = []
    before = values(fit(images, notify=events.append))
    checks = len(events)
    assert checks == 1
    assert values(fit(images, notify=events.append)) == before
    assert len(events) == checks  # images are decoded for the check only once
    (images / "class-0" / "8.png").write_bytes((images / "class-0" / "7.png").read_bytes())
    with pytest.raises(SourceError, match="files of source 'made' must not change"):
        fit(images)


def test_a_file_made_anew_in_the_same_size_is_another_one(images):
    first = images / "class-0" / "0.bmp"
    Image.fromarray(np.full((20, 20), 5, dtype=np.uint8)).save(first)
    size = first.stat().st_size
    fit(images)
    Image.fromarray(np.full((20, 20), 6, dtype=np.uint8)).save(first)
    assert first.stat().st_size == size
    with pytest.raises(SourceError, match="files of source 'made' must not change"):
        fit(images)
