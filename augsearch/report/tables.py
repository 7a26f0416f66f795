"""The report's tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from augsearch.files import write_text
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


def arm_rows(result: StudyResult) -> Iterable[Row]:
    """Yield a header and one row per arm: what was chosen, and its gain."""
    yield "arm", "multiple", "n_train", "score", "stopped_at", "reason", "gain", "low", "high"
    for name, arm in result.arms.items():
        gain = arm.gain or Interval(value=None, low=None, high=None)
        yield (
            name,
            arm.multiple,
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
    """Yield a header and one row per arm, amount and cell."""
    yield "arm", "multiple", "cell", "score"
    for name, arm in result.arms.items():
        for entry in arm.history:
            for cell, score in enumerate(entry.scores):
                yield name, entry.multiple, cell, score


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()
