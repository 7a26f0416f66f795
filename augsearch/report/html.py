"""report.html: one self-contained file, no network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from augsearch.amounts import amount_words
from augsearch.files import write_text
from augsearch.report.contents import ReportContents
from augsearch.report.figures import all_figures, gallery_png
from augsearch.report.paper_tables import PaperTable, paper_tables
from augsearch.report.samples import table_confusions
from augsearch.report.sentences import metric_title, scope_sentence, verdict_sentence, with_interval
from augsearch.report.tables import write_paper_tables, write_tables


def write_report(contents: ReportContents, folder: Path) -> None:
    """Write report.html, figures/*.svg and tables/*.csv into a run directory."""
    figures = all_figures(contents)
    for name, svg in figures.items():
        write_text(folder / "figures" / f"{name}.svg", svg)
    write_tables(contents.result, folder / "tables")
    tables = paper_tables(contents)
    matrices = {name: table_confusions(contents, one) for name, one in contents.tables.items()}
    write_paper_tables(tables, matrices, contents.classes, folder / "tables")
    write_text(folder / "report.html", render(contents, figures, tables))


def render(
    contents: ReportContents, figures: Mapping[str, str], tables: Sequence[PaperTable] = ()
) -> str:
    """Return the report as HTML; every text of the user's is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["interval"] = with_interval
    environment.filters["picture"] = gallery_png
    environment.filters["title"] = metric_title
    template = environment.from_string(_resource("template.html"))
    confidence = contents.confidence
    return template.render(
        contents=contents,
        result=contents.result,
        tables=tables,
        figures={name: Markup(svg) for name, svg in figures.items()},
        amount=amount_words,
        style=Markup(_resource("style.css")),
        verdict=verdict_sentence(contents.result, confidence),
        scope=scope_sentence(contents.generators, contents.n_folds),
        label=contents.result.verdict.label if contents.result.verdict else "none",
    )


def _resource(name: str) -> str:
    return (files("augsearch.report") / name).read_text(encoding="utf-8")
