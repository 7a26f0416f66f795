"""Training, tuning and test set: hold-out or k-fold by group, or as given; and what they hold."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from augsearch.data.assignment import deal_groups
from augsearch.data.dataset import Dataset
from augsearch.data.readers.listing import PARTS
from augsearch.errors import DataError
from augsearch.files import replacing
from augsearch.messages import lines, names
from augsearch.seeds import Seed
from augsearch.study.schema.data import GivenSplit, HoldOutSplit, KFoldSplit, SplitOptions

_Rows = NDArray[np.int64]
_NOTHING: _Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows of the images that are trained and tuned on, int64, ascending."""

    train: NDArray[np.int64]
    tune: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The folds (one for a hold-out split) and the rows of the test set, int64, ascending.

    Without a test set it has no rows.
    """

    folds: tuple[Fold, ...]
    test: NDArray[np.int64]


def split_dataset(dataset: Dataset, options: SplitOptions, seed: Seed) -> Split:
    """Split a data set; a group never crosses, and every part has every class.

    There may be no test set (`test = 0`); its rows are none then.

    A hold-out split has one fold. K-fold takes the test set first, which does not depend on the
    number of folds, and then cuts the rest into folds, each the tuning set once. Class proportions
    are those of the whole, as closely as groups allow; with one image per group they are exact to
    one image wherever a part is due at least one.

    Raises:
        DataError: Too few images or groups of a class for the parts; no split given, or one in
            which a part is missing or a group crosses.
    """
    match options:
        case HoldOutSplit():
            return _hold_out(dataset, options, seed)
        case KFoldSplit():
            return _k_fold(dataset, options, seed)
        case GivenSplit():
            return _given(dataset, options)


def _hold_out(dataset: Dataset, options: HoldOutSplit, seed: Seed) -> Split:
    tested = options.test > 0
    what = "a training, a tuning and a test set" if tested else "a training and a tuning set"
    fractions = (options.train, options.tune, options.test)[: 3 if tested else 2]
    _check_supply(dataset, len(fractions), what)
    everything = np.arange(len(dataset.images), dtype=np.int64)
    dealt = _deal(dataset, everything, fractions, seed.child("hold-out"))
    _check_classes(dataset, dict(zip(("training", "tuning", "test"), dealt, strict=False)))
    return Split((Fold(dealt[0], dealt[1]),), dealt[2] if tested else _NOTHING)


def _k_fold(dataset: Dataset, options: KFoldSplit, seed: Seed) -> Split:
    n_folds = options.n_folds
    n_groups = len(np.unique(dataset.images.groups))
    if n_groups < n_folds + 1:
        raise DataError(
            f"split.n_folds = {n_folds} and a test set need at least {n_folds + 1} groups "
            f"(patients) but there are {n_groups}; lower split.n_folds"
        )
    _check_supply(dataset, n_folds + 1, f"{n_folds} folds and a test set")
    everything = np.arange(len(dataset.images), dtype=np.int64)
    fractions = (1 - options.test, options.test)
    rest, test = _deal(dataset, everything, fractions, seed.child("k-fold", "test"))
    _check_classes(dataset, {"training": rest, "test": test})
    equal = [1 / n_folds] * n_folds
    parts = _deal(dataset, rest, equal, seed.child("k-fold", "folds"))
    _check_classes(dataset, {f"tuning (fold {fold})": rows for fold, rows in enumerate(parts)})
    return Split(tuple(Fold(np.setdiff1d(rest, tune), tune) for tune in parts), test)


def _given(dataset: Dataset, options: GivenSplit) -> Split:
    if dataset.parts is None:
        raise DataError(
            'split.method = "given" needs data that bring a split along but these do not; set '
            'data.split_column of a CSV table, or use split.method = "hold-out" or "k-fold"'
        )
    parts = np.array(dataset.parts)
    rows = {part: np.flatnonzero(parts == part).astype(np.int64) for part in PARTS}
    _check_given(rows, options)
    _check_crossing(dataset, parts)
    titles = {"train": "training", "tune": "tuning", "test": "test"}
    _check_classes(dataset, {titles[part]: own for part, own in rows.items() if len(own)})
    return Split((Fold(rows["train"], rows["tune"]),), rows["test"])


def _check_given(rows: Mapping[str, _Rows], options: GivenSplit) -> None:
    """Make sure that the parts are there, and a test set only if the study knows of it."""
    missing = [part for part in PARTS if not len(rows[part])]
    if options.test == 0:
        if "test" not in missing:
            raise DataError(
                "split.test = 0 says that the data bring no test set but they have "
                f"{len(rows['test'])} test images; drop split.test to test on them, or take them "
                "out of the data"
            )
        missing.remove("test")
    if missing:
        without = " or set split.test = 0 to do without a test set," if missing == ["test"] else ""
        raise DataError(
            f"a given split must have images in train, tune and test but has none in "
            f"{names(missing)}; complete it,{without} or use "
            'split.method = "hold-out" to split anew'
        )


def _deal(dataset: Dataset, rows: _Rows, fractions: Sequence[float], seed: Seed) -> list[_Rows]:
    """Deal the groups of `rows` out and return the rows of each part."""
    _, codes = np.unique(dataset.images.groups[rows], return_inverse=True)
    counts = np.zeros((codes.max() + 1, len(dataset.images.classes)), dtype=np.int64)
    np.add.at(counts, (codes, dataset.images.labels[rows]), 1)
    part_of = deal_groups(counts, fractions, seed)[codes]
    return [rows[part_of == part] for part in range(len(fractions))]


def _check_supply(dataset: Dataset, n_parts: int, what: str) -> None:
    images = dataset.images
    for label, name in enumerate(images.classes):
        own = images.labels == label
        n_images, n_groups = int(own.sum()), len(np.unique(images.groups[own]))
        if n_groups < n_parts:
            fewer = ", or ask for fewer folds" if n_parts > 3 else ""
            raise DataError(
                f"{what} need at least {n_parts} images and groups (patients) of every class, but "
                f"class {name!r} has {n_images} images of {n_groups} groups; add images of "
                f"further patients, or leave the class out (data.classes){fewer}"
            )


def _check_classes(dataset: Dataset, parts: Mapping[str, _Rows]) -> None:
    images = dataset.images
    lacking = []
    for part, rows in parts.items():
        for label, name in enumerate(images.classes):
            if label not in images.labels[rows]:
                own = images.labels == label
                n_groups = len(np.unique(images.groups[own]))
                lacking.append(
                    f"the {part} set has no image of class {name!r} ({own.sum()} images of "
                    f"{n_groups} groups in all)"
                )
    if lacking:
        raise DataError(
            f"every set must have every class:{lines(lacking)}\nAdd images or groups of the class, "
            "leave it out (data.classes), or change the fractions or folds of [split]."
        )


def _check_crossing(dataset: Dataset, parts: NDArray[np.str_]) -> None:
    groups = dataset.images.groups.tolist()
    pairs = set(zip(groups, parts.tolist(), strict=True))
    where = {
        group: [part for part in PARTS if (group, part) in pairs] for group in sorted(set(groups))
    }
    crossing = [
        f"{dataset.group_names[group]!r} is in {' and '.join(found)}"
        for group, found in where.items()
        if len(found) > 1
    ]
    if crossing:
        raise DataError(
            f"a group (patient) must be in one part of a given split but {len(crossing)} of "
            f"{len(where)} are in several; move their images to one part, or use split.method = "
            f'"hold-out":{lines(crossing, 5)}'
        )


class SummaryRow(NamedTuple):
    """How many images and groups of a class a part has."""

    part: str
    label: str
    images: int
    groups: int


def summary(dataset: Dataset, split: Split) -> list[SummaryRow]:
    """Count images and groups of every class in every part.

    Parts are "train", "tune" and "test"; with several folds "train 0", "tune 0", "train 1" ...
    """
    images = dataset.images
    table = []
    for part, rows in _parts(split):
        for label, name in enumerate(images.classes):
            own = rows[images.labels[rows] == label]
            n_groups = len(np.unique(images.groups[own]))
            table.append(SummaryRow(part, name, len(own), n_groups))
    return table


def write_split_csv(dataset: Dataset, split: Split, path: Path) -> None:
    """Write one line per image: image, class, group, part.

    With several folds, part is "test" or "fold", and a column fold has the number (from 0) of the
    fold whose tuning set the image is in; it is a training image of the others.

    Raises:
        StorageError: The file cannot be written.
    """
    part_of = _part_of_rows(split, len(dataset.images))
    columns = {"part": [part for part, _ in part_of]}
    if len(split.folds) > 1:
        columns["fold"] = [fold for _, fold in part_of]
    _write_images(dataset, columns, path)


def write_external_csv(dataset: Dataset, path: Path) -> None:
    """Write one line per external image: image, class, group.

    Raises:
        StorageError: The file cannot be written.
    """
    _write_images(dataset, {}, path)


def _write_images(dataset: Dataset, columns: Mapping[str, Sequence[str]], path: Path) -> None:
    images = dataset.images
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "class", "group", *columns])
        for row, name in enumerate(images.names):
            label = images.classes[images.labels[row]]
            group = dataset.group_names[images.groups[row]]
            writer.writerow([name, label, group, *(column[row] for column in columns.values())])


def _parts(split: Split) -> Iterator[tuple[str, NDArray[np.int64]]]:
    several = len(split.folds) > 1
    for number, fold in enumerate(split.folds):
        suffix = f" {number}" if several else ""
        yield f"train{suffix}", fold.train
        yield f"tune{suffix}", fold.tune
    if len(split.test):
        yield "test", split.test


def _part_of_rows(split: Split, count: int) -> list[tuple[str, str]]:
    """Return part and fold of every image."""
    several = len(split.folds) > 1
    parts = [("train", "")] * count
    for number, fold in enumerate(split.folds):
        for row in fold.tune:
            parts[row] = ("fold", str(number)) if several else ("tune", "")
    for row in split.test:
        parts[row] = ("test", "")
    return parts
