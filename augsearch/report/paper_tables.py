"""The study's own tables, those of a paper: columns, rows and captions from what a run said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augsearch.report.contents import ReportContents, Sample
from augsearch.report.lines import PREFIXES, Line, lines_of
from augsearch.report.samples import sample_of
from augsearch.report.values import DELONG, Value, delong_value, fields, value_of
from augsearch.report.words.captions import caption
from augsearch.seeds import Seed
from augsearch.study.schema.report import TableOptions

ALL = "all"
"""In the column "class": the row of the metrics over all classes."""


@dataclass(frozen=True)
class Column:
    """A column of values.

    Attributes:
        group: Title over it and its neighbours; "" without groups.
        metric: What it shows: the name of a metric, or `DELONG`.
        fields: The columns it takes in the CSV.
    """

    group: str
    metric: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row of values.

    Attributes:
        heads: What it is about, as printed.
        keys: The same in the CSV.
        values: One per column; None: not asked for.
        is_first: Whether it is the first row of its training set.
    """

    heads: tuple[str, ...]
    keys: tuple[object, ...]
    values: tuple[Value | None, ...]
    is_first: bool


@dataclass(frozen=True)
class PaperTable:
    """A table, ready to be printed.

    Attributes:
        name: Its key in the study file.
        title: As the study gives it.
        caption: Sentences that say what it shows.
        heads: Titles of the columns that say what a row is about.
        keys: Names of the same columns in the CSV.
        groups: Titles over the columns with the number of columns below each; empty without.
        columns: The columns of values.
        rows: The rows.
    """

    name: str
    title: str
    caption: tuple[str, ...]
    heads: tuple[str, ...]
    keys: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def paper_tables(contents: ReportContents) -> list[PaperTable]:
    """Return the study's own tables, without those that no arm has outputs for."""
    found = []
    for name, options in contents.tables.items():
        if lines := lines_of(contents, options):
            found.append(_table(contents, name, options, lines))
    return found


def _table(
    contents: ReportContents, name: str, options: TableOptions, lines: Sequence[Line]
) -> PaperTable:
    titles = list(dict.fromkeys(group for line in lines for group in line.cells))
    columns = tuple(column for title in titles for column in _columns(options, title))
    by_class = ("class",) if options.class_metrics else ()
    rows = [row for line in lines for row in _rows(contents, options, line, columns)]
    return PaperTable(
        name=name,
        title=options.title,
        caption=caption(contents, options, lines),
        heads=(*lines[0].heads, *by_class),
        keys=(*lines[0].keys, *by_class),
        groups=tuple((one, len(columns) // len(titles)) for one in titles) if titles[0] else (),
        columns=columns,
        rows=tuple(rows),
    )


def _columns(options: TableOptions, group: str) -> Iterator[Column]:
    prefix = PREFIXES.get(group, f"{group}.")
    for metric in dict.fromkeys((*options.metrics, *options.class_metrics)):
        names = tuple(prefix + field for field in fields(metric, options))
        yield Column(group, metric, names)
    if options.delong:
        yield Column(group, DELONG, (f"{prefix}delong_p",))


def _rows(
    contents: ReportContents, options: TableOptions, line: Line, columns: Sequence[Column]
) -> Iterator[Row]:
    heads, keys = tuple(line.heads.values()), tuple(line.keys.values())
    if not options.class_metrics:
        values = (_over_all(contents, options, line, column) for column in columns)
        yield Row(heads, keys, tuple(values), True)
        return
    has_all = bool(options.metrics) or options.delong
    if has_all:
        over_all = tuple(_over_all(contents, options, line, column) for column in columns)
        yield Row((*heads, ALL), (*keys, ALL), over_all, True)
    for c, name in enumerate(contents.classes):
        own = tuple(_of_class(contents, options, line, column, c) for column in columns)
        yield Row((*heads, name), (*keys, name), own, c == 0 and not has_all)


def _over_all(
    contents: ReportContents, options: TableOptions, line: Line, column: Column
) -> Value | None:
    if column.group not in line.cells:
        return None
    arm, sample = line.cells[column.group]
    if column.metric == DELONG:
        base = sample_of(contents, options, contents.result.baseline)
        is_other = base is not None and arm != contents.result.baseline
        return delong_value(base, sample) if base is not None and is_other else None
    if column.metric not in options.metrics:
        return None
    seed = _draws(contents, options, column.metric)
    return value_of(column.metric, sample, options, contents.confidence, seed)


def _of_class(
    contents: ReportContents, options: TableOptions, line: Line, column: Column, c: int
) -> Value | None:
    if column.group not in line.cells or column.metric not in options.class_metrics:
        return None
    sample: Sample = line.cells[column.group][1].against_the_rest(column.metric, c)
    seed = _draws(contents, options, column.metric).child(c)
    return value_of(column.metric, sample, options, contents.confidence, seed)


def _draws(contents: ReportContents, options: TableOptions, metric: str) -> Seed:
    """Return the seed of an interval: that of the usual table of metrics, for the same numbers."""
    return contents.seed.child("interval", options.images, metric)
