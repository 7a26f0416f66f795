"""The real set: images of the study's data, decoded once, with classes, groups and parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augsearch.array_files import map_array
from augsearch.data.pixels import Decoded, decode_to_file
from augsearch.data.readers.array_readers import read_demo, read_digits, read_medmnist
from augsearch.data.readers.csv_reader import read_csv
from augsearch.data.readers.dicom.reader import read_dicom
from augsearch.data.readers.folder_reader import read_folder
from augsearch.data.readers.listing import Entry, Listing, check_text, force_classes
from augsearch.errors import DataError, StorageError
from augsearch.events import Notify, Warned, silent
from augsearch.files import read_json, write_json
from augsearch.messages import names
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.data import (
    CsvData,
    DataOptions,
    DemoData,
    DicomData,
    DigitsData,
    FolderData,
    Images,
    MedmnistData,
)

_FORMAT = 1
_MOST_CLASSES = 1000


@dataclass(frozen=True, eq=False)
class Dataset:
    """The labelled images of a study or of its external set.

    Attributes:
        images: All images; the pixels are a read-only memory map.
        parts: "train", "tune" or "test" for each image if the data bring a split.
        skipped: Files that were left out because they cannot be used, with the reason.
        group_names: What the user calls each group; `images.groups` are indices into it.
    """

    images: LabelledImages
    parts: tuple[str, ...] | None
    skipped: tuple[str, ...]
    group_names: tuple[str, ...]


def load_dataset(
    data: DataOptions,
    images: Images,
    folder: Path,
    seed: Seed,
    notify: Notify = silent,
    *,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """List, decode and keep the images of a data set.

    The pixels go to `folder`/pixels.npy and the rest to `folder`/images.json, with a fingerprint
    of the options and of every file's size and time. A second call with the same inputs decodes
    nothing; changed inputs are decoded anew. Memory does not grow with the number of images.

    Args:
        data: Where the images are.
        images: What every image becomes.
        folder: The data set's own folder among the artifacts of the run directory.
        seed: Decides the demo images; other data do not depend on it.
        notify: Takes progress and warnings.
        classes: The study's classes, for an external set: it must have the same ones.

    Raises:
        DataError: Nothing to use, images that cannot be used (all of them are listed), labels or
            groups missing, fewer than two classes.
        StorageError: The disk is full.
    """
    if classes is None:
        return _load(read_listing(data, images, seed, folder.parent), data, images, folder, notify)
    try:
        # Demo patients of the external set must not be those of the study.
        listing = read_listing(data, images, seed.child("external"), folder.parent)
        return _load(force_classes(listing, classes), data, images, folder, notify)
    except DataError as error:
        raise DataError(f"external set: {error}") from error


def _load(
    listing: Listing, data: DataOptions, images: Images, folder: Path, notify: Notify
) -> Dataset:
    _check_classes(listing.entries, listing.classes, "")
    for message in listing.warnings:
        notify(Warned(message))
    key = _fingerprint(data, images, listing)
    pixels_file, index_file = folder / "pixels.npy", folder / "images.json"
    decoded = _kept(index_file, pixels_file, key)
    if decoded is None:
        # Without its index the new file is never taken for the one it replaces.
        index_file.unlink(missing_ok=True)
        decoded = decode_to_file(listing, images, pixels_file, notify)
        write_json(index_file, {"fingerprint": key, **asdict(decoded)})
    for message in decoded.warnings:
        notify(Warned(message))
    entries = [listing.entries[row] for row in decoded.rows]
    _check_classes(entries, listing.classes, " once unusable files are left out")
    return _dataset(entries, listing.classes, pixels_file, decoded)


def read_listing(data: DataOptions, images: Images, seed: Seed, artifacts: Path) -> Listing:
    """List the images of any kind of data without decoding one.

    Args:
        data: Where the images are.
        images: What every image becomes.
        seed: Decides the demo images.
        artifacts: The run's folder of artifacts, which keeps the salt of DICOM's pseudonyms.

    Raises:
        DataError: See the reader of each kind; or a name that is no text.
    """
    listing = _read_listing(data, images, seed, artifacts)
    for entry in listing.entries:
        check_text(entry)
    return listing


def _read_listing(data: DataOptions, images: Images, seed: Seed, artifacts: Path) -> Listing:
    match data:
        case FolderData():
            return read_folder(data)
        case CsvData():
            return read_csv(data)
        case DicomData():
            return read_dicom(data, artifacts)
        case MedmnistData():
            return read_medmnist(data)
        case DigitsData():
            return read_digits(data)
        case DemoData():
            return read_demo(data, images, seed)


def _dataset(
    entries: Sequence[Entry], classes: tuple[str, ...], pixels_file: Path, decoded: Decoded
) -> Dataset:
    group_names = tuple(dict.fromkeys(entry.group for entry in entries))
    group_of = {name: code for code, name in enumerate(group_names)}
    label_of = {name: code for code, name in enumerate(classes)}
    parts = tuple(entry.part for entry in entries if entry.part is not None)
    return Dataset(
        images=LabelledImages(
            pixels=np.load(pixels_file, mmap_mode="r"),
            labels=np.array([label_of[entry.label] for entry in entries], dtype=np.int64),
            groups=np.array([group_of[entry.group] for entry in entries], dtype=np.int64),
            names=tuple(entry.name for entry in entries),
            classes=classes,
        ),
        parts=parts or None,
        skipped=tuple(decoded.skipped),
        group_names=group_names,
    )


def _check_classes(entries: Sequence[Entry], classes: tuple[str, ...], when: str) -> None:
    if not entries:
        raise DataError(f"there must be images but there are none{when}")
    if len(classes) < 2:
        raise DataError(
            f"there must be at least two classes but there is only {names(classes)}; a classifier "
            "needs something to tell apart"
        )
    if len(classes) > _MOST_CLASSES:
        raise DataError(
            f"there must be at most {_MOST_CLASSES:,} classes but there are {len(classes):,}; is "
            "it the labels that were read?"
        )
    there = {entry.label for entry in entries}
    empty = [label for label in classes if label not in there]
    if empty:
        raise DataError(f"every class must have images but {names(empty)} has none{when}")


def _fingerprint(data: DataOptions, images: Images, listing: Listing) -> str:
    inputs: list[Any] = [
        _FORMAT,
        data.model_dump(mode="json"),
        images.model_dump(mode="json"),
        listing.classes,
        listing.stamps,
        [(e.name, e.label, e.group, e.part) for e in listing.entries],
    ]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _kept(index_file: Path, pixels_file: Path, key: str) -> Decoded | None:
    """Return what an earlier call decoded, if it is whole and of the same inputs."""
    try:
        index = read_json(index_file)
        if index.pop("fingerprint") != key:
            return None
        decoded = Decoded(**index)
    except (StorageError, TypeError, KeyError, AttributeError):
        return None
    is_whole = map_array(pixels_file, np.uint8, 4, len(decoded.rows)) is not None
    return decoded if is_whole else None
