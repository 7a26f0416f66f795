"""The report's tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.files import write_text
from augsearch.report.contents import TunedArm
from augsearch.report.paper_tables import PaperTable
from augsearch.study.results import Interval, StudyResult, finite

Row = Sequence[object]

_WORDS = ("arm", "classifier", "training_set", "unit", "n_train", "class")


def write_tables(result: StudyResult, tuned: Mapping[str, TunedArm], folder: Path) -> None:
    """Write arms.csv, metrics.csv and history.csv into `folder`.

    Of a study with further endpoints also endpoints.csv, of a tuned one settings.csv.

    Args:
        result: The study's result.
        tuned: Arm -> the settings tried; empty without [tune].
        folder: Where to.
    """
    tables = {
        "arms": arm_rows(result),
        "metrics": metric_rows(result),
        "history": history_rows(result),
    }
    if any(arm.endpoints for arm in result.arms.values()):
        tables["endpoints"] = endpoint_rows(result)
    if tuned:
        tables["settings"] = setting_rows(tuned)
    for name, rows in tables.items():
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
        *("multiple_smoothed", "score_smoothed", "gain", "low", "high"),
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
            *((arm.smoothed.multiple, arm.smoothed.mean) if arm.smoothed else (None, None)),
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


def endpoint_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm and further endpoint: the gain over the baseline."""
    yield "arm", "endpoint", "label", "gain", "low", "high", "note"
    for name, arm in result.arms.items():
        for endpoint, gain in arm.endpoints.items():
            yield name, endpoint, gain.label, gain.value, gain.low, gain.high, gain.note


def history_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm, amount and cell; arms.csv has the unit of amounts."""
    yield "arm", "multiple", "cell", "score"
    for name, arm in result.arms.items():
        for entry in arm.history:
            for cell, score in enumerate(entry.scores):
                yield name, entry.multiple, cell, score


def setting_rows(tuned: Mapping[str, TunedArm]) -> Iterable[Row]:
    """Yield a header and one row per arm, setting and cell, a column per key of [tune]."""
    keys = list(next(iter(tuned.values())).settings[0])
    yield "arm", "setting", *keys, "chosen", "cell", "score"
    for name, arm in tuned.items():
        for number, (setting, scores) in enumerate(zip(arm.settings, arm.scores, strict=True)):
            values = [setting[key] for key in keys]
            for cell, score in enumerate(scores.tolist()):
                yield name, number, *values, number == arm.chosen, cell, finite(score)


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
    """Read one of the study's own tables back to print it: header and rows."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [list(map(_printed, header, row)) for row in rows]


def pieces(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Cut a table that is too wide for a terminal into pieces, each led by the columns of names.

    Args:
        header: Titles of the columns.
        rows: The rows, as they are printed.
        width: Characters in a line.

    Returns:
        The columns of each piece, by number; at least one column of values, fit or not.
    """
    widths = [max(map(len, column)) + 3 for column in zip(header, *rows, strict=True)]
    heads = [number for number, name in enumerate(header) if name in (*_WORDS, "amount")]
    room = left = width - 1 - sum(widths[number] for number in heads)
    found: list[list[int]] = []
    for number in range(len(header)):
        if number in heads:
            continue
        if not found or widths[number] > left:
            found.append(list(heads))
            left = room
        found[-1].append(number)
        left -= widths[number]
    return found


def _printed(column: str, cell: str) -> str:
    """Write names and counts as they stand, values to three places (an arm may be called 1.5)."""
    if column in _WORDS or not _is_number(cell):
        return cell
    value = float(cell)
    if column == "amount":
        return f"{value:.12g}"
    return "< 0.001" if column.endswith("delong_p") and value < 0.001 else f"{value:.3f}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
