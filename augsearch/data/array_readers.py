"""Lists images that come as arrays: MedMNIST files, scikit-learn's digits, augsearch's demo."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augsearch.data.decoding import SMALLEST_SIDE
from augsearch.data.demo import DEMO_CLASSES, DRAWING, demo_cases, draw_cases
from augsearch.data.listing import PARTS, Entry, Listing, choose, stamp
from augsearch.errors import DataError
from augsearch.messages import names
from augsearch.seeds import Seed
from augsearch.study.schema.data import DemoData, DigitsData, Images, MedmnistData

_KEY_OF = {"train": "train", "tune": "val", "test": "test"}


def read_medmnist(data: MedmnistData) -> Listing:
    """List a .npz with train_images, train_labels and, where there are, val_... and test_...

    Images are (N, H, W) or (N, H, W, 3); labels are whole numbers, (N,) or (N, 1), or one-hot.
    `data.classes` names the labels 0, 1, 2 ... in order. Each image is its own group. One part's
    images at a time are held in memory.

    Raises:
        DataError: Not such a file, or several labels per image.
    """
    entries: list[Entry] = []
    numbers: list[int] = []
    with _opened(data.path) as arrays:
        parts = [part for part in PARTS if f"{_KEY_OF[part]}_images" in arrays]
        if "train" not in parts:
            raise DataError(
                f"{data.path} must hold train_images and train_labels as MedMNIST does, but holds "
                f"{names(arrays.files)}"
            )
        for part in parts:
            labels = _labels(_array(arrays, f"{_KEY_OF[part]}_labels", data.path), data.path)
            numbers += labels
            entries += [
                Entry(f"{_KEY_OF[part]}/{row}", str(number), f"{part}/{row}", part, row=row)
                for row, number in enumerate(labels)
            ]
    entries, classes = _named(entries, numbers, data)

    def frames(chosen: Sequence[Entry]) -> Iterator[Path | NDArray[Any]]:
        for part in parts:
            rows = [entry.row for entry in chosen if entry.part == part]
            yield from _images(data.path, _KEY_OF[part], rows)

    return Listing(tuple(entries), classes, frames, (stamp(data.path),))


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        arrays = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} must be a .npz file but cannot be read: {error}") from error
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise DataError(f"{path} must be a .npz file (several arrays) but is a single array")
    return arrays


def _array(arrays: np.lib.npyio.NpzFile, key: str, path: Path) -> NDArray[Any]:
    if key not in arrays:
        raise DataError(f"{path} must hold {key} but holds {names(arrays.files)}")
    try:
        array: NDArray[Any] = arrays[key]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: {key} cannot be read: {error}") from error
    return array


def _labels(array: NDArray[Any], path: Path) -> list[int]:
    if array.dtype.kind not in "iub":
        raise DataError(f"{path}: labels must be whole numbers but are {array.dtype}")
    if array.ndim == 2 and array.shape[1] > 1:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise DataError(
                f"{path}: an image must have one label, but the labels have {array.shape[1]} "
                "columns with several or no ones in a row; derive one label per image first"
            )
        array = array.argmax(axis=1)
    if array.ndim not in (1, 2):
        raise DataError(f"{path}: labels must be (N,) or (N, 1) but are {array.shape}")
    numbers: list[int] = array.astype(np.int64).ravel().tolist()
    if min(numbers, default=0) < 0:
        raise DataError(f"{path}: labels must be 0, 1, 2 ... but one is {min(numbers)}")
    return numbers


def _named(
    entries: Sequence[Entry], numbers: Sequence[int], data: MedmnistData
) -> tuple[list[Entry], tuple[str, ...]]:
    present = sorted(set(numbers))
    if data.classes is None:
        return list(entries), tuple(map(str, present))
    if present != list(range(len(data.classes))):
        raise DataError(
            f"data.classes must name the labels of {data.path}, which are "
            f"{', '.join(map(str, present))}, in order, but has {len(data.classes)} names"
        )
    renamed = [
        replace(entry, label=data.classes[number])
        for entry, number in zip(entries, numbers, strict=True)
    ]
    return renamed, data.classes


def _images(path: Path, key: str, rows: Sequence[int]) -> Iterator[NDArray[Any]]:
    with _opened(path) as arrays:
        images = _array(arrays, f"{key}_images", path)
    n_labels = max(rows, default=-1) + 1
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise DataError(
            f"{path}: {key}_images must be (N, H, W) or (N, H, W, 3) but is {images.shape}"
        )
    if images.dtype.kind not in "uif":
        raise DataError(f"{path}: {key}_images must be numbers but is {images.dtype}")
    if len(images) != n_labels or min(images.shape[1:3]) < SMALLEST_SIDE:
        raise DataError(
            f"{path}: {key}_images must have one image of at least {SMALLEST_SIDE} x "
            f"{SMALLEST_SIDE} pixels for each of the {n_labels} labels but is {images.shape}"
        )
    yield from (images[row] for row in rows)


def read_digits(data: DigitsData) -> Listing:
    """List the 1,797 digits of scikit-learn, 8 x 8, classes "0" to "9"; each is its own group."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    entries = [
        Entry(f"digit {row}", str(label), str(row), row=row)
        for row, label in enumerate(digits.target.tolist())
    ]
    kept, classes, warnings = choose(entries, data.classes)
    return Listing(
        kept, classes, lambda chosen: (pixels[entry.row] for entry in chosen), ("digits",), warnings
    )


def read_demo(data: DemoData, images: Images, seed: Seed) -> Listing:
    """List the images that augsearch draws itself, with their parts.

    The shifted site stands for another hospital, whose images are only ever tested on: it gives
    its test images alone.
    """
    counts = {"train": data.train, "tune": data.tune, "test": data.test}
    if data.site == "shifted":
        counts = {"test": data.test}
    seeds = {part: seed.child("demo", part) for part in counts}
    cases = {part: demo_cases(count, seeds[part]) for part, count in counts.items()}
    entries = tuple(
        Entry(
            f"{data.site}/{part}/{case.patient}.{case.shot}",
            DEMO_CLASSES[case.label],
            f"{data.site}/{part}/{case.patient}",
            part,
            row=row,
        )
        for part in counts
        for row, case in enumerate(cases[part])
    )

    def frames(chosen: Sequence[Entry]) -> Iterator[Path | NDArray[Any]]:
        for part in counts:
            own = [cases[part][entry.row] for entry in chosen if entry.part == part]
            yield from draw_cases(own, images.size, images.channels, seeds[part], data.site)

    return Listing(entries, DEMO_CLASSES, frames, (DRAWING, list(map(str, seed.path))))
