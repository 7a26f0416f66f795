"""report.html: one self-contained file, no network, no script."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from augsearch.files import write_text
from augsearch.report.contents import ReportContents
from augsearch.report.figures import all_figures, gallery_png
from augsearch.report.sentences import scope_sentence, verdict_sentence, with_interval
from augsearch.report.tables import write_tables


def write_report(contents: ReportContents, folder: Path) -> None:
    """Write report.html, figures/*.svg and tables/*.csv into a run directory."""
    result = contents.result
    figures = all_figures(
        result.arms,
        contents.windows,
        contents.metric,
        result.baseline,
        contents.test,
        contents.external,
    )
    for name, svg in figures.items():
        write_text(folder / "figures" / f"{name}.svg", svg)
    write_tables(result, folder / "tables")
    write_text(folder / "report.html", render(contents, figures))


def render(contents: ReportContents, figures: dict[str, str]) -> str:
    """Return the report as HTML; every text of the user's is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["interval"] = with_interval
    environment.filters["picture"] = gallery_png
    template = environment.from_string(_resource("template.html"))
    confidence = contents.confidence
    return template.render(
        contents=contents,
        result=contents.result,
        figures={name: Markup(svg) for name, svg in figures.items()},
        style=Markup(_resource("style.css")),
        verdict=verdict_sentence(contents.result, confidence),
        scope=scope_sentence(contents.generators, contents.n_folds),
        label=contents.result.verdict.label if contents.result.verdict else "none",
    )


def _resource(name: str) -> str:
    return (files("augsearch.report") / name).read_text(encoding="utf-8")
