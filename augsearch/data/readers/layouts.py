"""Recognising how images are laid out, from names, tables, array headers and a few images."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from augsearch.data.colour import in_colour
from augsearch.data.conventions import (
    IMAGE_SUFFIXES,
    PART_OF,
    is_dicom,
    sorted_labels,
)
from augsearch.data.readers.csv_reader import table_rows
from augsearch.data.readers.folders import (
    composed,
    files_below,
    image_files,
    images_below,
    subfolders,
)
from augsearch.errors import DataError
from augsearch.messages import names

_NEGATIVE = re.compile(r"^(no|non|not|normal|negative|healthy|control|benign|absent|0)(\b|_)", re.I)
_IMAGE_COLUMNS = (
    "image imagepath imagefile imageindex imagename imageid img path filepath file filename"
)
_LABEL_COLUMNS = "label labels class target diagnosis dx finding findings findinglabels category y"
_GROUP_COLUMNS = "patient patientid group subject subjectid person personid caseid mrn lesionid"
_SPLIT_COLUMNS = "split set subset part partition fold"
_MOST_CLASSES = 20
_YES_OR_NO = {"0", "1", "0.0", "1.0"}


@dataclass(frozen=True)
class Layout:
    """What a folder was recognised as.

    Attributes:
        kind: The kind of data, as in the study file.
        path: The folder, table or .npz.
        counts: Images of each class in the order of the classes, the positive one last; of a
            .npz, the numbers of the training set.
        columns: Of a table: image, label, group and split column, as far as they were found.
        findings: Of a table with several findings in a cell: the images of each finding there is;
            `counts` then holds two that no image has both of.
        has_split: The data bring a split along.
        size: Side of the images in pixels, if that is known without opening any.
        channels: 1 or 3: of a .npz by its header, of files by one image of each class.
    """

    kind: str
    path: Path
    counts: dict[str, int]
    columns: dict[str, str] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    has_split: bool = False
    size: int | None = None
    channels: int = 1


def recognise(folder: Path) -> Layout:
    """Look at a folder (or one .csv or .npz) and say what it is; a few images tell of colour.

    A table wins over class folders, and these over a .npz, since tables often lie beside folders
    that only spread the files.

    Raises:
        DataError: Nothing in it can be used; the message says what would be.
    """
    if not folder.exists():
        raise DataError(f"the folder of images must exist but {folder} does not")
    try:
        return _recognise(folder)
    except OSError as error:
        raise DataError(f"{folder} must be readable but: {error}") from error


def _recognise(folder: Path) -> Layout:
    files = [folder]
    if folder.is_dir():
        files = sorted(folder.iterdir(), key=lambda path: path.name)
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    arrays = [path for path in files if path.suffix.lower() == ".npz"]
    found = next(filter(None, map(_table, tables)), None)
    if found is None and folder.is_dir():
        found = _class_folders(folder) or _dicom_folders(folder)
    found = found or next(filter(None, map(_medmnist, arrays)), None)
    if found is None:
        raise DataError(_nothing(folder, files, tables, arrays))
    return found


def _nothing(
    folder: Path, files: Sequence[Path], tables: Sequence[Path], arrays: Sequence[Path]
) -> str:
    wanted = (
        "it must hold two or more folders of images or DICOM files (one per class), a .csv with a "
        "column of image paths and one of labels, or a .npz in the MedMNIST layout"
    )
    loose = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in files)
    saw = [f"{loose} images that no folder or table gives a class"] if loose else []
    saw += [f"{path.name}, {_unsuitable(path)}" for path in tables]
    saw += [f"{path.name}, which has no train_images and train_labels" for path in arrays]
    saw += [f"{path.name}/ with {n} images" for path in files if (n := len(_images(path)))]
    deep = [path.name for path in files if path.is_dir() and not _images(path)]
    if deep := [name for name in deep if images_below(folder / name)]:
        saw.append(
            f"{names(deep, 5)} with images only in folders further down; move them up into the "
            "folder of their class, or write a .csv with the columns image, label, patient"
        )
    return f"no data set in {folder}: {wanted}; found: {', '.join(saw) or 'none of these'}"


def negative_first(classes: Iterable[str]) -> list[str]:
    """Sort class names, those that sound negative first: the positive class comes last."""
    return sorted(sorted_labels(classes), key=lambda name: _NEGATIVE.match(name) is None)


def _class_folders(folder: Path) -> Layout | None:
    files = {composed(path.name): own for path in subfolders(folder) if (own := _images(path))}
    if len(files) >= 2:
        counts = {name: len(files[name]) for name in negative_first(files)}
        return Layout("folder", folder, counts, channels=_channels(map(min, files.values())))
    parts = [path for path in subfolders(folder) if path.name.lower() in PART_OF]
    if any(_images(inner) for part in parts for inner in subfolders(part)):
        raise DataError(
            f"{folder} is split into {', '.join(path.name for path in parts)} already: put the "
            "images of one class into one folder and let augsearch split them, or write a .csv "
            "with the columns image, label, split"
        )
    return None


def _dicom_folders(folder: Path) -> Layout | None:
    files = {composed(path.name): files_below(path) for path in subfolders(folder)}
    counts = {name: n for name, own in files.items() if (n := sum(map(is_dicom, own)))}
    if len(counts) < 2:
        return None
    return Layout("dicom", folder, {name: counts[name] for name in negative_first(counts)})


def _images(folder: Path) -> list[Path]:
    return image_files(folder) if folder.is_dir() and not folder.name.startswith(".") else []


def _channels(files: Iterable[Path]) -> int:
    return 3 if in_colour(files) else 1


def _table(path: Path) -> Layout | None:
    """Read a table and guess its columns; None if it lacks an image or a label column."""
    rows = _rows(path) or []
    header = [name.strip() for name in rows[0]] if rows else []
    cells = {
        name: [row[at].strip() for row in rows[1:] if len(row) > at]
        for at, name in enumerate(header)
    }
    columns = {
        role: column
        for role, names in (
            ("image", _IMAGE_COLUMNS),
            ("label", _LABEL_COLUMNS),
            ("group", _GROUP_COLUMNS),
            ("split", _SPLIT_COLUMNS),
        )
        if (column := _guess(header, names.split())) is not None
    }
    if (
        "split" in columns
        and not {cell.lower() for cell in cells[columns["split"]]} <= PART_OF.keys()
    ):
        del columns["split"]
    if not {"image", "label"} <= columns.keys() or not cells[columns["label"]]:
        return None
    labels = cells[columns["label"]]
    found = _labelled(path, columns, labels)
    images = dict(zip(labels, cells[columns["image"]], strict=False))  # one of each class
    files = [path.parent / image for image in images.values() if image]
    if any(map(is_dicom, files[:1])):
        return replace(found, kind="dicom")
    return replace(found, channels=_channels(files))


def _rows(path: Path) -> list[list[str]] | None:
    """Return header and rows of a table; None if it is none in UTF-8."""
    if not path.is_file():
        return None
    try:
        return [cells for _, cells in table_rows(path)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _unsuitable(path: Path) -> str:
    """Say why `_table` gave nothing."""
    rows = _rows(path)
    if rows is None:
        return "which cannot be read as a table in UTF-8; save it anew as CSV UTF-8"
    if len(rows) < 2:
        return "which has no rows below its header"
    columns = zip(*rows, strict=False)
    marked = [name for name, *cells in columns if len(set(cells)) > 1 and {*cells} <= _YES_OR_NO]
    if len(marked) > 1:
        return (
            f"which has a column for each class ({names(marked, 8)}); give it one column, label, "
            "with the class's name, as pandas does by table[classes].idxmax(axis=1)"
        )
    return f"whose columns {names(rows[0], 8)} are not recognised; call them image and label"


def _labelled(path: Path, columns: dict[str, str], labels: list[str]) -> Layout:
    counts = Counter(label for label in labels if label)
    findings: Counter[str] = Counter()
    if any("|" in label for label in counts) or len(counts) > _MOST_CLASSES:
        rows = [{part.strip() for part in re.split(r"[|;,]", label)} - {""} for label in labels]
        findings = Counter(name for row in rows for name in sorted(row))
        counts = _two_findings(findings, rows)
        if not counts and len(findings) > 1:
            raise DataError(
                f"{path} must have two findings in column {columns['label']!r} that no image has "
                f"both of but has none such among {names(findings)}; add a column with one class "
                "for each image"
            )
    if len(counts) < 2:
        raise DataError(
            f"{path} must have two classes or more in column {columns['label']!r} but has "
            f"{len(counts)}: {', '.join(counts) or 'none'}"
        )
    return Layout(
        "csv",
        path,
        {name: counts[name] for name in negative_first(counts)},
        columns,
        findings=dict(findings.most_common(_MOST_CLASSES)),
        has_split="split" in columns,
    )


def _two_findings(findings: Counter[str], rows: Sequence[set[str]]) -> Counter[str]:
    """Choose two frequent findings that no row has both of, a negative one if there is any."""
    frequent = [name for name, _ in findings.most_common()]
    negatives_first = sorted(frequent, key=lambda name: _NEGATIVE.match(name) is None)
    for first in negatives_first[:_MOST_CLASSES]:
        together = {name for row in rows if first in row for name in row}
        for second in frequent:
            if second not in together:
                return Counter({name: findings[name] for name in (first, second)})
    return Counter()


def _guess(header: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column whose name, letters only, stands first in `names`."""
    plain = {re.sub(r"[^a-z]", "", column.lower()): column for column in reversed(header)}
    return next((plain[name] for name in names if name in plain), None)


def _medmnist(path: Path) -> Layout | None:
    """Read the labels and the header of the images of a .npz; None if it is another kind."""
    from augsearch.npz import open_npz

    try:
        with open_npz(path) as archive:
            shape = archive.header("train_images").shape
            labels = archive.array("train_labels")
            has_split = not {"val_images", "test_images"}.isdisjoint(archive.names)
    except DataError:
        return None
    if labels.ndim == 0 or labels.size != len(labels) or len(shape) < 3:
        raise DataError(
            f"{path} must have one label per image but train_labels is {labels.shape}; "
            "choose one column and save it as another .npz"
        )
    if labels.dtype.kind == "b":
        labels = labels.astype(int)
    counts = Counter(str(label) for label in labels.reshape(-1).tolist())
    return Layout(
        "medmnist",
        path,
        {name: counts[name] for name in sorted_labels(counts)},
        has_split=has_split,
        size=int(shape[1]),
        channels=3 if len(shape) == 4 and shape[3] == 3 else 1,
    )
