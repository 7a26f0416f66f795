"""report.html: one self-contained file, no network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from markupsafe import Markup

from augsearch.amounts import amount_words
from augsearch.files import write_text
from augsearch.report.audits import audit_table
from augsearch.report.contents import ReportContents
from augsearch.report.cost import arm_costs, stage_shares
from augsearch.report.figures import all_figures
from augsearch.report.figures.metrics_along import METRICS
from augsearch.report.figures.palette import inline
from augsearch.report.missing import not_shown
from augsearch.report.page import page
from augsearch.report.paper_tables import PaperTable, paper_tables
from augsearch.report.samples import table_confusions
from augsearch.report.tables import write_paper_tables, write_tables
from augsearch.report.words.captions import tuning_caption
from augsearch.report.words.methods import methods
from augsearch.report.words.search_words import score_caption, search_caption
from augsearch.report.words.sentences import (
    decided,
    endpoint_sentences,
    scope_sentence,
    verdict_sentences,
)
from augsearch.study.compare import flatten


def write_report(contents: ReportContents, folder: Path) -> None:
    """Write report.html, figures/*.svg and tables/*.csv into a run directory."""
    figures = all_figures(contents)
    for name, svg in figures.items():
        write_text(folder / "figures" / f"{name}.svg", svg)
    write_tables(contents.result, contents.tuned, folder / "tables")
    tables = paper_tables(contents)
    matrices = {name: table_confusions(contents, one) for name, one in contents.tables.items()}
    write_paper_tables(tables, matrices, contents.classes, folder / "tables")
    write_text(folder / "report.html", render(contents, figures, tables))


def render(
    contents: ReportContents, figures: Mapping[str, str], tables: Sequence[PaperTable] = ()
) -> str:
    """Return the report as HTML; every text of the user's is escaped."""
    confidence = contents.confidence
    metrics = {metric for arm in contents.result.arms.values() for metric in arm.test}
    return page(
        "template.html",
        contents=contents,
        result=contents.result,
        tables=tables,
        figures={name: Markup(inline(svg)) for name, svg in figures.items()},
        amount=amount_words,
        scores=score_caption(contents),
        searches={name: search_caption(contents, name) for name in contents.searches},
        tuning=tuning_caption(contents) if contents.tuned else "",
        decided=partial(decided, contents.classes),
        metrics=metrics,
        along=METRICS,
        audit=audit_table(contents.audits),
        methods=methods(contents),
        missing=not_shown(contents),
        costs=arm_costs(contents),
        stages=stage_shares(contents.result.seconds),
        verdict=verdict_sentences(contents.result, confidence),
        tested=contents.result.judged_on == "test",
        endpoints=endpoint_sentences(contents.result, confidence),
        scope=scope_sentence(contents.result, contents.generators, contents.n_folds),
        settings=flatten(contents.study),
        label=contents.result.verdict.label if contents.result.verdict else "none",
    )
