"""Lists images that come as arrays: MedMNIST files, scikit-learn's digits, augsearch's demo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augsearch.data.decoding import SMALLEST_SIDE
from augsearch.data.demo import DEMO_CLASSES, DRAWING, demo_cases, draw_cases
from augsearch.data.readers.listing import PARTS, Entry, Listing, choose, stamp
from augsearch.errors import DataError
from augsearch.messages import names
from augsearch.npz import Archive, open_npz
from augsearch.seeds import Seed
from augsearch.study.schema.data import DemoData, DigitsData, Images, MedmnistData

_MOST_IMAGES = 1_000_000
_KEY_OF = {"train": "train", "tune": "val", "test": "test"}


def read_medmnist(data: MedmnistData) -> Listing:
    """List a .npz with train_images, train_labels and, where there are, val_... and test_...

    Images are (N, H, W), (N, H, W, 1) or (N, H, W, 3); labels are whole numbers, (N,) or (N, 1),
    or one-hot. `data.classes` names the labels there are, in rising order. Each image is its own
    group. One image at a time is held in memory.

    Raises:
        DataError: Not such a file, or several labels per image.
    """
    entries: list[Entry] = []
    numbers: list[int] = []
    with open_npz(data.path) as archive:
        parts = [part for part in PARTS if f"{_KEY_OF[part]}_images" in archive.names]
        if "train" not in parts:
            raise DataError(
                f"{data.path} must hold train_images and train_labels as MedMNIST does, but holds "
                f"{names(archive.names)}"
            )
        for part in parts:
            labels = _labels(archive, f"{_KEY_OF[part]}_labels", data.path)
            numbers += labels
            entries += [
                Entry(f"{_KEY_OF[part]}/{row}", str(number), f"{part}/{row}", part, row=row)
                for row, number in enumerate(labels)
            ]
    entries, classes = _named(entries, numbers, data)

    def frames(chosen: Sequence[Entry]) -> Iterator[Path | NDArray[Any]]:
        for part in parts:
            n_labels = sum(entry.part == part for entry in chosen)
            yield from _images(data.path, _KEY_OF[part], n_labels)

    return Listing(tuple(entries), classes, frames, (stamp(data.path),))


def _labels(archive: Archive, key: str, path: Path) -> list[int]:
    shape = archive.header(key).shape
    if shape and shape[0] > _MOST_IMAGES:
        raise DataError(
            f"{path}: {key} must have at most {_MOST_IMAGES:,} labels but has {shape[0]:,}; "
            "save a part of them"
        )
    array = archive.array(key)
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
    if len(present) != len(data.classes):
        raise DataError(
            f"data.classes must name the labels of {data.path}, which are "
            f"{', '.join(map(str, present))}, in order, but has {len(data.classes)} names"
        )
    name_of = dict(zip(present, data.classes, strict=True))
    renamed = [
        replace(entry, label=name_of[number])
        for entry, number in zip(entries, numbers, strict=True)
    ]
    return renamed, data.classes


def _images(path: Path, key: str, n_labels: int) -> Iterator[NDArray[Any]]:
    name = f"{key}_images"
    with open_npz(path) as archive:
        header = archive.header(name)
        shape = header.shape
        if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
            raise DataError(
                f"{path}: {name} must be (N, H, W), (N, H, W, 1) or (N, H, W, 3) but is {shape}"
            )
        if header.dtype.kind not in "uif":
            raise DataError(f"{path}: {name} must be numbers but is {header.dtype}")
        if shape[0] != n_labels or min(shape[1:3]) < SMALLEST_SIDE:
            raise DataError(
                f"{path}: {name} must have one image of at least {SMALLEST_SIDE} x "
                f"{SMALLEST_SIDE} pixels for each of the {n_labels} labels but is {shape}"
            )
        yield from archive.rows(name)


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
