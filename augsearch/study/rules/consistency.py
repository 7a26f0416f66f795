"""Rules that hold between the tables of a study: names that must exist, sizes that must fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from augsearch.messages import unknown
from augsearch.study.lines import Location, Problem
from augsearch.study.metric_names import metric_problems
from augsearch.study.order import order_problems
from augsearch.study.rules.classifiers import classifier_problems
from augsearch.study.rules.generator_replicates import generator_problems
from augsearch.study.rules.report_tables import table_problems
from augsearch.study.rules.training_sets import amount_problems
from augsearch.study.rules.untested import untested_problems
from augsearch.study.schema.arms import WindowSearch
from augsearch.study.schema.data import CsvData, DicomData, DigitsData, FolderData, GivenSplit
from augsearch.study.schema.generators import TRAINED
from augsearch.study.schema.sources import PluginOptions, SourceOptions
from augsearch.study.schema.study import StudyFile
from augsearch.study.settings import tune_problems


def find_problems(study: StudyFile) -> list[Problem]:
    """Return every broken rule of a study whose tables are each valid by themselves."""
    checks = (
        _names,
        _sources,
        _bases,
        _baseline,
        _searches,
        _controls,
        _split,
        _image_size,
        _source_settings,
        metric_problems,
        untested_problems,
        generator_problems,
        classifier_problems,
        amount_problems,
        order_problems,
        tune_problems,
        table_problems,
    )
    return [problem for check in checks for problem in check(study)]


def _names(study: StudyFile) -> Iterator[Problem]:
    tables: dict[Location, Iterable[str]] = {
        ("sources",): study.sources,
        ("classifiers",): study.classifiers,
        ("arms",): study.arms,
        ("report", "tables"): study.report.tables,
    }
    for table, names in tables.items():
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(name.casefold(), name)
            if other != name:
                yield (
                    (*table, name),
                    f"must differ from {other} by more than case; files are called so, and macOS "
                    "and Windows would take the two for one",
                )


def _sources(study: StudyFile) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        used: list[tuple[Location, str | None]] = [(("balance",), arm.balance)]
        used += [(("add", index, "source"), add.source) for index, add in enumerate(arm.add)]
        used += [(("search", "source"), arm.search.source)] if arm.search else []
        for where, source in used:
            if source is not None and source not in study.sources:
                known = ", ".join(study.sources) or "none yet"
                yield (
                    ("arms", name, *where),
                    f"must name a table of [sources] ({known}) {unknown(source, study.sources)}; "
                    f"add [sources.{source}] or name another",
                )


def _bases(study: StudyFile) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        if arm.base is None:
            continue
        where = ("arms", name, "base")
        others = [other for other in study.arms if other != name]
        if arm.base not in others:
            yield (
                where,
                f"must name another arm ({', '.join(others) or 'there is none'}) "
                f"{unknown(arm.base, others)}",
            )
        elif (circle := _circle(study, name)) and name == min(circle):
            chain = " -> ".join([name, *circle])
            yield where, f"bases must not lead back to the arm itself but {chain}; drop one of them"
        if arm.balance is not None:
            yield (
                ("arms", name, "balance"),
                f"cannot be combined with base; set balance in arm {arm.base} or drop base",
            )


def _circle(study: StudyFile, name: str) -> list[str]:
    """Return the bases that lead from the arm back to itself; empty if they do not."""
    chain: list[str] = []
    base = study.arms[name].base
    while base is not None and base in study.arms and base not in chain:
        chain.append(base)
        base = study.arms[base].base
    return chain if chain[-1:] == [name] else []


def _baseline(study: StudyFile) -> Iterator[Problem]:
    if study.baseline is None:
        if not study.plain_arms:
            yield (
                ("arms",),
                "one must train on all real images and neither search nor add, to compare with; "
                "add [arms.real]",
            )
    elif study.baseline not in study.arms:
        known = ", ".join(study.arms)
        yield ("baseline",), f"must name an arm ({known}) {unknown(study.baseline, study.arms)}"
    elif study.arms[study.baseline].search is not None:
        yield ("baseline",), f"must name an arm without a search but {study.baseline} has one"


def _searches(study: StudyFile) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        search = arm.search
        if not isinstance(search, WindowSearch):
            continue
        if search.max_multiple is not None and search.max_multiple < search.start:
            yield (
                ("arms", name, "search", "max_multiple"),
                f"must be at least start, {search.start:g}, but got {search.max_multiple:g}",
            )


def _controls(study: StudyFile) -> Iterator[Problem]:
    if study.evaluation.controls and not any(arm.search for arm in study.arms.values()):
        yield (
            ("evaluation", "controls"),
            "needs an arm that searches its amount, which the controls then have, but there is "
            "none; add search to an arm or drop controls",
        )


def _split(study: StudyFile) -> Iterator[Problem]:
    data, external = study.data, study.external
    if isinstance(external, CsvData | DicomData) and external.split_column is not None:
        yield (
            ("external", "split_column"),
            "cannot be followed: all images of the external set are tested on; drop it, and take "
            "other rows out of the table",
        )
    if not isinstance(study.split, GivenSplit):
        if isinstance(data, CsvData | DicomData) and data.split_column is not None:
            yield (
                ("data", "split_column"),
                f"needs split.method 'given' but got '{study.split.method}', which would split "
                "anew; set it, or drop split_column",
            )
        return
    if isinstance(data, CsvData | DicomData) and data.split_column is None:
        yield ("split", "method"), "'given' needs split_column in [data]; add it or use 'hold-out'"
    elif isinstance(data, FolderData | DigitsData):
        yield (
            ("split", "method"),
            f"'given' needs data that bring a split but kind {data.kind} brings none; "
            "use 'hold-out' or 'k-fold'",
        )


def _image_size(study: StudyFile) -> Iterator[Problem]:
    size = study.images.size
    for name, source in study.sources.items():
        if not isinstance(source, TRAINED):
            continue
        n_steps = source.n_doublings
        factor = 2**n_steps
        if size % factor:
            lower = size // factor * factor
            near = [str(other) for other in (lower, lower + factor) if 8 <= other <= 1024]
            yield (
                ("images", "size"),
                f"must be divisible by {factor} for source {name} (its generator doubles the size "
                f"{n_steps} times) but got {size}; nearest: {' and '.join(near)}",
            )


def _source_settings(study: StudyFile) -> Iterator[Problem]:
    for name, source in study.sources.items():
        for keys, message in source_problems(source):
            yield ("sources", name, *keys), message


def source_problems(source: SourceOptions) -> Iterator[Problem]:
    """Yield what does not go together in the settings of a source, by the keys of its table."""
    by = None if source.select is None else source.select.by
    if isinstance(source, TRAINED) and not source.labelled:
        if by is None:
            yield (
                ("kind",),
                f"{source.kind} with strategy {source.strategy!r} has no classes; add select = "
                '{by = "confidence", best = ...} or strategy = "per-class"',
            )
        elif by == "discriminator":
            yield (
                ("select", "by"),
                "must be 'confidence' or 'distance' where images have no classes yet "
                f"({source.kind}, strategy {source.strategy!r}) but got 'discriminator', which "
                "knows none",
            )
    elif by == "discriminator" and not isinstance(source, (*TRAINED, PluginOptions)):
        yield (
            ("select", "by"),
            f"'discriminator' needs a trained generator but kind {source.kind} has none; "
            "use 'confidence' or 'distance'",
        )
