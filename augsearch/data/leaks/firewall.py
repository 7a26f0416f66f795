"""What in the data could make the answer wrong: images that cross a boundary, contradictions.

A generator or a classifier that saw a test image looks better than it is. Groups keep a patient's
images together; this module looks for what groups do not know.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augsearch.data.dataset import Dataset
from augsearch.data.leaks.grouping import shared_patients, telling_names, wrong_group_column
from augsearch.data.leaks.near_duplicates import SMALLEST, Pair, Signatures, near_duplicates
from augsearch.data.splits import Split
from augsearch.errors import DataError, StorageError
from augsearch.files import read_json, write_json
from augsearch.messages import lines
from augsearch.study.schema.data import DataOptions, DigitsData

Kind = Literal["copies", "contradiction", "flat", "groups"]

_FLAT = 2.0
"""Standard deviation in grey levels, of 255, up to which an image may be called constant."""
_FLAT_SHARE = 0.1
"""The same as a share of the set's median, for sets that are dark as a whole."""
_ROWS = 256
_FORMAT = 2


class _Words(NamedTuple):
    """What is said before and after the findings of a kind; `{}` is their number."""

    head: str
    remedy: str


_WORDS: dict[Kind, _Words] = {
    "copies": _Words(
        "images show the same in sets that must not share one (pairs: {}), so scores come out too "
        "good:",
        "Remove one of each pair or, if they are of one patient, give them one group "
        "(data.group_column, data.group_pattern).",
    ),
    "contradiction": _Words(
        "identical images have different classes (cases: {}):",
        "Correct the classes or remove these images.",
    ),
    "flat": _Words(
        "images are constant or almost so ({}):",
        "Remove them, or see whether images.intensity_range and images.preprocess fit them.",
    ),
    "groups": _Words("a patient may be on both sides of the split:", ""),
}


@dataclass(frozen=True)
class Finding:
    """One thing that could make the answer wrong.

    Attributes:
        kind: What it is.
        message: Names the images and the sets they are in, or the setting it is about.
        severity: "error" is what `strict` refuses; a "hint" may well be in order.
    """

    kind: Kind
    message: str
    severity: Literal["error", "hint"] = "error"


@dataclass(frozen=True, eq=False)
class _Images:
    """The study's images and the external ones behind them, N in all.

    Attributes:
        pixels: uint8, the arrays of both sets.
        labels: int64, (N,).
        groups: int64, (N,); no external group is one of the study's.
        parts: int64, (N,); two images of different parts are on two sides of a boundary.
        places: What the user calls each image, and the set that it is in.
        contents: Hash of the pixels of each image.
        is_flat: (N,), the image is constant or almost so.
    """

    pixels: Sequence[NDArray[np.uint8]]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    parts: NDArray[np.int64]
    places: Sequence[str]
    contents: Sequence[str]
    is_flat: NDArray[np.bool_]

    def may_leak(self, one: int, other: int) -> bool:
        """Whether it matters that these two show the same."""
        apart = self.parts[one] != self.parts[other] and self.groups[one] != self.groups[other]
        return bool(apart and not self.is_flat[one] and not self.is_flat[other])


def tells_near_duplicates(data: DataOptions, side: int) -> bool:
    """Whether images of so many pixels a side have the detail to tell a copy from a likeness."""
    return side >= SMALLEST and not isinstance(data, DigitsData)


def find_leaks(
    dataset: Dataset,
    split: Split,
    external: Dataset | None,
    data: DataOptions,
    *,
    cache: Path | None = None,
) -> list[Finding]:
    """Look for what in the data could make the study's answer wrong.

    "copies": images of different groups that show the same and are in two of training, tuning and
    test set, of the folds, or of the study's and the external set. Images of less than 24 x 24
    pixels must be identical for that. "contradiction": identical images of different classes,
    wherever they are. "flat": constant images; the other kinds leave them out. "groups": a group
    column with another value for every image; DICOM patients of the study in the external set; or,
    as a hint, file names that seem to tell the patient while no group is given.

    Args:
        dataset: The real set.
        split: How it is split.
        external: The external set, if there is one.
        data: Where the real set comes from.
        cache: File that keeps the slow comparison for a run that goes on.

    Returns:
        The findings by kind, in the order of the images.
    """
    images = _gather(dataset, split, external)
    classes = dataset.images.classes
    pairs = {}
    if tells_near_duplicates(data, images.pixels[0].shape[1]):
        pairs = {pair[:2]: pair for pair in _near(images, cache)}
    pairs |= {rows: Pair(*rows, 1.0, False) for rows in _identical(images)}
    found = [
        Finding("copies", _copy(images, classes, pairs[rows]))
        for rows in sorted(pairs)
        if images.may_leak(*rows)
    ]
    found += [Finding("contradiction", text) for text in _contradictions(images, classes)]
    flat = np.flatnonzero(images.is_flat).tolist()
    found += [Finding("flat", images.places[row]) for row in flat]
    if column := wrong_group_column(dataset, data):
        found.append(Finding("groups", column))
    if patients := shared_patients(dataset, external, data):
        found.append(Finding("groups", patients))
    if file_names := telling_names(dataset, data):
        found.append(Finding("groups", file_names, "hint"))
    return found


def describe(findings: Sequence[Finding]) -> list[str]:
    """Write findings for the user: a paragraph per kind, with the first 20 and what to do."""
    paragraphs = []
    for kind, words in _WORDS.items():
        own = [finding.message for finding in findings if finding.kind == kind]
        if own:
            paragraphs.append(f"{words.head.format(len(own))}{lines(own)}\n{words.remedy}".rstrip())
    return paragraphs


def refuse(findings: Iterable[Finding]) -> None:
    """Stop for findings of severity "error".

    Raises:
        DataError: There are any; the message has all of them, up to 20 of a kind.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        rule = "strict = true takes these for errors; put them right, or set strict = false"
        raise DataError("\n".join([f"{rule} to be warned only.", *describe(errors)]))


def _gather(dataset: Dataset, split: Split, external: Dataset | None) -> _Images:
    sets = [dataset.images] + ([external.images] if external else [])
    parts, words = _parts(split, len(dataset.images))
    if external:
        parts = np.concatenate([parts, np.full(len(external.images), len(words))])
        words = [*words, "external test set"]
    places = [name for images in sets for name in images.names]
    contents, spreads = zip(*(row for images in sets for row in _looks(images.pixels)), strict=True)
    flat = min(_FLAT, _FLAT_SHARE * float(np.median(spreads)))
    first_external = dataset.images.groups.max() + 1
    return _Images(
        pixels=[images.pixels for images in sets],
        labels=np.concatenate([images.labels for images in sets]),
        groups=np.concatenate(
            [images.groups + first_external * number for number, images in enumerate(sets)]
        ),
        parts=parts,
        places=[f"{name!r} ({words[part]})" for name, part in zip(places, parts, strict=True)],
        contents=contents,
        is_flat=np.array(spreads) <= flat,
    )


def _parts(split: Split, count: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return the part of each image, and what the parts are called."""
    if len(split.folds) == 1:
        rows = [split.folds[0].train, split.folds[0].tune, split.test]
        words = ["training set", "tuning set", "test set"]
    else:  # each fold is what another fold's models are tuned on
        rows = [*(fold.tune for fold in split.folds), split.test]
        words = [*(f"fold {number}" for number in range(len(split.folds))), "test set"]
    parts = np.zeros(count, dtype=np.int64)
    for part, own in enumerate(rows):
        parts[own] = part
    return parts, words


def _looks(pixels: NDArray[np.uint8]) -> Iterator[tuple[str, float]]:
    """Yield hash and standard deviation of each image, reading a block at a time."""
    for start in range(0, len(pixels), _ROWS):
        block = np.ascontiguousarray(pixels[start : start + _ROWS])
        spread = block.std(axis=(1, 2), dtype=np.float32).max(axis=1)
        for image, value in zip(block, spread.tolist(), strict=True):
            yield hashlib.blake2b(image.data, digest_size=16).hexdigest(), value


def _same(images: _Images) -> list[list[int]]:
    """Return the rows of identical images that show something."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(~images.is_flat).tolist():
        rows_of[images.contents[row]].append(row)
    return [rows for rows in rows_of.values() if len(rows) > 1]


def _identical(images: _Images) -> Iterator[tuple[int, int]]:
    for rows in _same(images):
        yield from combinations(rows, 2)


def _near(images: _Images, cache: Path | None) -> list[Pair]:
    key = hashlib.sha256(repr((_FORMAT, images.contents, images.groups.tolist())).encode())
    kept = _kept(cache, key.hexdigest()) if cache else None
    if kept is None:
        signatures = Signatures.of(images.pixels[0])
        for pixels in images.pixels[1:]:
            signatures = signatures.join(Signatures.of(pixels))
        kept = near_duplicates(signatures, images.groups)
        if cache:
            write_json(cache, {"inputs": key.hexdigest(), "pairs": kept})
    return kept


def _kept(cache: Path, inputs: str) -> list[Pair] | None:
    """Return what an earlier run found for the same images and groups."""
    try:
        kept = read_json(cache)
        return [Pair(*pair) for pair in kept["pairs"]] if kept["inputs"] == inputs else None
    except (StorageError, TypeError, KeyError):
        return None


def _copy(images: _Images, classes: Sequence[str], pair: Pair) -> str:
    one, other = pair.first, pair.second
    if images.contents[one] == images.contents[other]:
        how = "identical"
    else:
        how = f"{'mirrored, ' if pair.is_mirrored else ''}similarity {pair.similarity:.2f}"
    if images.labels[one] != images.labels[other]:
        labels = (classes[images.labels[row]] for row in (one, other))
        how += ", classes {!r} and {!r}".format(*labels)
    return f"{images.places[one]} and {images.places[other]}: {how}"


def _contradictions(images: _Images, classes: Sequence[str]) -> Iterator[str]:
    for rows in _same(images):
        first_of = {images.labels[row]: row for row in reversed(rows)}
        if len(first_of) > 1:
            yield " and ".join(
                f"{images.places[row]} is {classes[images.labels[row]]!r}"
                for row in sorted(first_of.values())
            )
