"""The report's tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.files import write_text
from augsearch.report.paper_tables import PaperTable
from augsearch.study.results import Interval, StudyResult

Row = Sequence[object]


def write_tables(result: StudyResult, folder: Path) -> None:
    """Write arms.csv, metrics.csv and history.csv into `folder`."""
    for name, rows in {
        "arms": arm_rows(result),
        "metrics": metric_rows(result),
        "history": history_rows(result),
    }.items():
        write_text(folder / f"{name}.csv", _csv(rows))


def write_paper_tables(
    tables: Iterable[PaperTable],
    matrices: Mapping[str, Mapping[str, NDArray[np.float64]]],
    classes: Sequence[str],
    folder: Path,
) -> None:
    """Write NAME.csv of each of the study's own tables, and confusion/NAME.csv where it has any.

    Args:
        tables: The tables.
        matrices: Name of a table -> arm -> confusion matrix, (C, C), row = true class.
        classes: Names of the classes.
        folder: Where to.
    """
    for table in tables:
        write_text(folder / f"{table.name}.csv", _csv(paper_rows(table)))
        if found := matrices.get(table.name):
            write_text(
                folder / "confusion" / f"{table.name}.csv", _csv(_matrix_rows(found, classes))
            )


def arm_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm: what was chosen, and its gain."""
    yield (
        *("arm", "multiple", "unit", "n_train", "score", "stopped_at", "reason"),
        *("gain", "low", "high"),
    )
    for name, arm in result.arms.items():
        gain = arm.gain or Interval(value=None, low=None, high=None)
        yield (
            name,
            arm.multiple,
            arm.unit,
            arm.n_train,
            arm.score,
            arm.stopped_at,
            arm.reason,
            *(gain.value, gain.low, gain.high),
        )


def metric_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm, set of images and metric."""
    yield "arm", "images", "metric", "value", "low", "high"
    for name, arm in result.arms.items():
        sets: Mapping[str, Mapping[str, Interval]] = {
            "test": arm.test,
            "external": arm.external or {},
        }
        for images, metrics in sets.items():
            for metric, interval in metrics.items():
                yield name, images, metric, interval.value, interval.low, interval.high


def history_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm, amount and cell; arms.csv has the unit of amounts."""
    yield "arm", "multiple", "cell", "score"
    for name, arm in result.arms.items():
        for entry in arm.history:
            for cell, score in enumerate(entry.scores):
                yield name, entry.multiple, cell, score


def paper_rows(table: PaperTable) -> Iterable[Row]:
    """Yield a header and the rows of one of the study's own tables, a number per field."""
    yield (*table.keys, *(field for column in table.columns for field in column.fields))
    for row in table.rows:
        numbers: list[object] = []
        for column, value in zip(table.columns, row.values, strict=True):
            numbers += value.numbers if value else [None] * len(column.fields)
        yield (*row.keys, *numbers)


def _matrix_rows(
    matrices: Mapping[str, NDArray[np.float64]], classes: Sequence[str]
) -> Iterable[Row]:
    yield "arm", "true_class", "decided_class", "count"
    for arm, counts in matrices.items():
        for (true, decided), count in np.ndenumerate(counts):
            yield arm, classes[true], classes[decided], float(count)


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a table back to print it: header and rows, numbers rounded to three places."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [[_rounded(cell) for cell in row] for row in rows]


def _rounded(cell: str) -> str:
    try:
        return f"{float(cell):.3f}" if "." in cell and not cell.endswith(".0") else cell
    except ValueError:
        return cell
