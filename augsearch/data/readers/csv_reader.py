"""Lists images that a table names: one row per image."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from augsearch.data.conventions import IMAGE_SUFFIXES, PART_OF
from augsearch.data.readers.listing import Entry, Listing, choose, files_of, stamps_of
from augsearch.errors import DataError
from augsearch.messages import hint, lines, names
from augsearch.study.schema.data import CsvData, DicomData

_SEPARATORS = re.compile(r"[|;,]")


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]


def read_csv(data: CsvData | DicomData) -> Listing:
    """List the images of a table with a header line, UTF-8, split by comma, semicolon or tab.

    Image paths start at the table's folder. A label is the text of the label column without
    surrounding spaces. With `contains` (class name -> text) it is the class whose text is one of
    the findings in the label column, which are split at "|", ";" or ","; a finding must match as a
    whole ("Effusion" is not found in "No Effusion"), its case does not matter, and so may the
    whole cell. The classes are then in the order of `contains`, the positive one last.

    Raises:
        DataError: Missing columns, labels, groups or files; a row of two classes; an image named
            twice; a split column with something else than train, tune or test (val, valid,
            validation, dev are tune; training and testing are understood).
    """
    rows = _rows(data)
    _no_blanks(rows, data.image_column, "image_column")
    _no_blanks(rows, data.label_column, "label_column")
    notes: tuple[str, ...] = ()
    wanted = data.classes
    if data.contains is not None:
        found = len(rows)
        rows, labels = _by_finding(rows, data.label_column, data.contains)
        if len(rows) < found:
            notes = (
                f"{found - len(rows)} rows contain none of the findings of data.contains and "
                "are left out",
            )
        wanted = wanted or tuple(data.contains)
    else:
        labels = [row.cells[data.label_column] for row in rows]
    entries = _entries(rows, labels, data)
    kept, classes, warnings = choose(entries, wanted)
    _all_there(kept)
    return Listing(kept, classes, files_of, stamps_of(kept), notes + warnings)


def table_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a table in UTF-8, the header first, each with the line that it ends in.

    Raises:
        OSError, UnicodeDecodeError, csv.Error: It cannot be read as one.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        table = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
        return [(table.line_num, cells) for cells in table]


def _rows(data: CsvData | DicomData) -> list[_Row]:
    try:
        table = table_rows(data.path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "; save it anew as CSV UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(
            f"{data.path} must be a table in UTF-8 that can be read, but: {error}{remedy}"
        ) from error
    header = [name.strip() for name in table[0][1]] if table else []
    _check_columns(header, data)
    records = [(line, cells) for line, cells in table[1:] if any(cells)]
    uneven = [
        f"line {line}: {len(cells)} cells" for line, cells in records if len(cells) != len(header)
    ]
    if uneven:
        raise DataError(
            f"{data.path}: every row must have {len(header)} cells as the header has, but "
            f"{len(uneven)} have not; quote cells that hold the separator:{lines(uneven)}"
        )
    if not records:
        raise DataError(f"{data.path} must have at least one row below its header but has none")
    return [
        _Row(line, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
        for line, cells in records
    ]


def _check_columns(header: Sequence[str], data: CsvData | DicomData) -> None:
    for option in ("image_column", "label_column", "group_column", "split_column"):
        column = getattr(data, option)
        if column is None:
            continue
        if column not in header:
            raise DataError(
                f"{data.path}: data.{option} = {column!r} is not among its columns "
                f"{names(header)}{hint(column, header)}"
            )
        if header.count(column) > 1:
            raise DataError(f"{data.path}: the column {column!r} must be there once, not twice")


def _no_blanks(rows: Sequence[_Row], column: str, option: str) -> None:
    blank = [f"line {row.line}" for row in rows if not row.cells[column]]
    if blank:
        raise DataError(
            f"data.{option} = {column!r} must be filled in every row but is empty in "
            f"{len(blank)}; fill it in or remove these rows:{lines(blank)}"
        )


def _by_finding(
    rows: Sequence[_Row], column: str, contains: dict[str, str]
) -> tuple[list[_Row], list[str]]:
    texts = {label: text.strip().casefold() for label, text in contains.items()}
    kept, labels, double = [], [], []
    for row in rows:
        cell = row.cells[column].casefold()
        findings = {cell, *(finding.strip() for finding in _SEPARATORS.split(cell))}
        matching = [label for label, text in texts.items() if text in findings]
        if len(matching) > 1:
            double.append(f"line {row.line}: {row.cells[column]!r} is {names(matching)}")
        if matching:
            kept.append(row)
            labels.append(matching[0])
    if double:
        raise DataError(
            f"a row must be of one class of data.contains but {len(double)} are of several; "
            f"remove these rows or choose findings that exclude each other:{lines(double)}"
        )
    for label, text in contains.items():
        if label not in labels:
            seen = {f.strip() for row in rows for f in _SEPARATORS.split(row.cells[column])}
            raise DataError(
                f"no row contains {text!r} (class {label!r}) in column {column!r}; the findings "
                f"there are {names(sorted(seen))}{hint(text, seen)}"
            )
    return kept, labels


def _entries(rows: Sequence[_Row], labels: Sequence[str], data: CsvData | DicomData) -> list[Entry]:
    if data.group_column is not None:
        _no_blanks(rows, data.group_column, "group_column")
    seen: dict[str, int] = {}
    twice: list[str] = []
    entries = []
    parts = _parts(rows, data.split_column)
    for row, label, part in zip(rows, labels, parts, strict=True):
        name = row.cells[data.image_column]
        # A joined absolute path stands for itself.
        path = Path(os.path.normpath(data.path.parent / name))
        if str(path) in seen:
            twice.append(f"lines {seen[str(path)]} and {row.line}: {name}")
        seen[str(path)] = row.line
        group = row.cells[data.group_column] if data.group_column else str(path)
        entries.append(Entry(name, label, group, part, path))
    if twice:
        raise DataError(
            f"an image must be named once but {len(twice)} are named again, which would let them "
            f"cross the split; remove the further rows:{lines(twice)}"
        )
    return entries


def _parts(rows: Sequence[_Row], column: str | None) -> list[str] | list[None]:
    if column is None:
        return [None] * len(rows)
    wrong = [
        f"line {row.line}: {row.cells[column]!r}"
        for row in rows
        if row.cells[column].casefold() not in PART_OF
    ]
    if wrong:
        raise DataError(
            f"data.split_column = {column!r} must be train, tune or test in every row but is "
            f"something else in {len(wrong)}:{lines(wrong)}"
        )
    return [PART_OF[row.cells[column].casefold()] for row in rows]


def _all_there(entries: Sequence[Entry]) -> None:
    missing = {
        entry.path: f"{entry.name} ({entry.path})"
        for entry in entries
        if entry.path is not None and not os.path.lexists(entry.path)
    }
    if missing:
        raise DataError(
            f"{len(missing)} of {len(entries)} images of the table are not there; paths start at "
            "the table's folder, have / between folders and end in the file's suffix; correct "
            f"these rows or remove them:{lines([*missing.values()])}{_suffix_lacking(missing)}"
        )


def _suffix_lacking(paths: Iterable[Path]) -> str:
    """Say so if a file is there but for its suffix, which many public tables leave out."""
    first = next(iter(paths))
    for suffix in sorted(IMAGE_SUFFIXES):
        if Path(f"{first}{suffix}").is_file():
            return (
                f"\nThere is {first.name + suffix!r}: write the suffix into the table too, as "
                f'pandas does by table[column] + "{suffix}".'
            )
    return ""
