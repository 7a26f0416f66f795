"""What a reader finds before a pixel is decoded: images with class, group and part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augsearch.data.conventions import sorted_labels
from augsearch.data.decoding import decode_image
from augsearch.errors import DataError
from augsearch.messages import hint, names
from augsearch.study.schema.data import Images

PARTS = ("train", "tune", "test")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Entry:
    """One image.

    Attributes:
        name: What the user calls it.
        label: Its class.
        group: Its patient.
        part: "train", "tune" or "test" if the data bring a split.
        path: Its file, if it is one.
        row: Its place in the reader's arrays, if it is not.
    """

    name: str
    label: str
    group: str
    part: str | None = None
    path: Path | None = None
    row: int = 0


@dataclass(frozen=True, eq=False)
class Listing:
    """All images of a data set.

    Attributes:
        entries: The images, in the order of the data set.
        classes: Class names, the positive one last.
        frames: Gives, for chosen entries and in their order, a file to decode or an array.
        stamps: What the pixels depend on beside the entries (sizes and times of files).
        warnings: What the user should know.
        decode: Turns a file into pixels; what it raises names the file.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    frames: Callable[[Sequence[Entry]], Iterator[Path | NDArray[Any]]]
    stamps: tuple[Any, ...] = ()
    warnings: tuple[str, ...] = ()
    decode: Callable[[Path, Images], NDArray[np.uint8]] = decode_image


def check_text(entry: Entry) -> None:
    """Refuse a name, class or group that no table or report could write down.

    Raises:
        DataError: It is not UTF-8 (a file name may be any bytes), or has control characters.
    """
    for what, text in (("name", entry.name), ("class", entry.label), ("group", entry.group)):
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"the {what} of an image must be UTF-8 but got {text!a}; rename it"
                ) from None
        if _CONTROL.search(text):
            raise DataError(
                f"the {what} of an image must be without control characters but got {text!a}; "
                "rename it"
            )


def files_of(entries: Sequence[Entry]) -> Iterator[Path | NDArray[Any]]:
    """Be the `frames` of a listing whose entries are files."""
    return (entry.path for entry in entries if entry.path is not None)


def stamps_of(entries: Sequence[Entry]) -> tuple[tuple[str, int, int], ...]:
    """Return the stamp of each entry's file."""
    return tuple(stamp(entry.path) for entry in entries if entry.path is not None)


def stamp(path: Path) -> tuple[str, int, int]:
    """Return path, size and time of change; a file that cannot be asked has -1."""
    try:
        status = path.stat()
    except OSError:
        return (str(path), -1, -1)
    return (str(path), status.st_size, status.st_mtime_ns)


def choose(
    entries: Sequence[Entry], wanted: tuple[str, ...] | None
) -> tuple[tuple[Entry, ...], tuple[str, ...], tuple[str, ...]]:
    """Keep the entries of the wanted classes.

    Args:
        entries: All that was found.
        wanted: Class names in order; None takes all, sorted (as numbers if all are numbers).

    Returns:
        The entries kept, the class names, and warnings about what was left out.

    Raises:
        DataError: A wanted class has no image.
    """
    found = Counter(entry.label for entry in entries)
    if wanted is None:
        return tuple(entries), tuple(sorted_labels(found)), ()
    for label in wanted:
        if label not in found:
            raise DataError(
                f"there is no image of class {label!r}; the classes there are "
                f"{names(sorted_labels(found))}{hint(label, found)}"
            )
    kept = tuple(entry for entry in entries if entry.label in set(wanted))
    others = sorted_labels(found.keys() - set(wanted))
    if not others:
        return kept, wanted, ()
    left_out = f"{len(entries) - len(kept)} images of other classes ({names(others)})"
    return kept, wanted, (f"{left_out} are left out",)


def force_classes(listing: Listing, classes: tuple[str, ...]) -> Listing:
    """Give a listing another set's classes in that set's order.

    Raises:
        DataError: It has a class that the other has not, or lacks one.
    """
    extra = [label for label in listing.classes if label not in classes]
    missing = [label for label in classes if label not in listing.classes]
    if extra or missing:
        differences = [f"{names(extra)} is only here"] * bool(extra)
        differences += [f"{names(missing)} is missing here"] * bool(missing)
        raise DataError(
            f"its classes must be the study's, {names(classes)}, but there are differences: "
            f"{' and '.join(differences)}; choose or name them with external.classes or "
            "external.contains"
        )
    return replace(listing, classes=classes)
