"""What commands print: results, plans and findings as tables and sentences."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from augsearch.controller.planning.check import CheckReport
    from augsearch.controller.study import Study
    from augsearch.lab.findings import LabReport
    from augsearch.reader.scoring import Assessment
    from augsearch.study.results import StudyResult


def _console() -> Console:
    from rich.console import Console

    # Tables in a log or a pipe are not squeezed into the 80 columns of no terminal.
    width = None if sys.stdout.isatty() else 120
    return Console(soft_wrap=True, highlight=False, emoji=False, width=width)


def print_result(study: Study, result: StudyResult, directory: Path) -> None:
    """Print the arms, the tables that the study asks for, the verdict, and where the rest is."""
    from rich.table import Table

    from augsearch.amounts import amount_words
    from augsearch.controller.mirror import tracking_uri
    from augsearch.messages import printable
    from augsearch.report.words.sentences import endpoint_sentences, verdict_sentence, with_interval
    from augsearch.tracking.store import ui_command

    settings = study.settings
    tested = result.judged_on == "test"
    test = ["test AUC"] if tested else []
    table = Table("arm", "amount", "images", "tuning score", *test, "gain over baseline")
    for name, arm in result.arms.items():
        table.add_row(
            name + (" (baseline)" if name == result.baseline else ""),
            "-" if arm.multiple is None else amount_words(arm.multiple, arm.unit),
            str(arm.n_train),
            "-" if arm.score is None else f"{arm.score:.3f}",
            *([with_interval(arm.test.get("auc"))] if tested else []),
            with_interval(arm.gain, sign=True),
        )
    console = _console()
    console.print(table)
    _print_paper_tables(console, study, directory)
    console.print(verdict_sentence(result, settings.evaluation.confidence), markup=False)
    for sentence in endpoint_sentences(result, settings.evaluation.confidence):
        console.print(sentence, markup=False)
    console.print(f"report: {directory / 'report.html'}", markup=False)
    if settings.tracking.enabled:
        command = ui_command(tracking_uri(settings, directory.resolve()))
        console.print(printable(f"MLflow: {command}"), markup=False)


def _print_paper_tables(console: Console, study: Study, directory: Path) -> None:
    """Print the tables that the study asks for, as the report's CSV files have them."""
    from rich.markup import escape
    from rich.table import Table

    from augsearch.report.tables import pieces, read_table
    from augsearch.report.words.sentences import chosen_on_tuning

    settings = study.settings
    searched = any(arm.search for arm in settings.arms.values())
    for name, options in settings.report.tables.items():
        path = directory / "tables" / f"{name}.csv"
        if not path.exists():  # no arm had anything to say about its images
            continue
        header, rows = read_table(path)
        title: str | None = escape(options.title)
        for columns in pieces(header, rows, console.width):
            table = Table(title=title, title_justify="left")
            for number in columns:
                table.add_column(escape(header[number]), overflow="fold")
            for row in rows:
                table.add_row(*(escape(row[number]) for number in columns))
            console.print(table)
            title = None
        if options.images == "tuning":
            console.print(chosen_on_tuning(searched, settings.tune is not None), markup=False)


def print_check(report: CheckReport) -> None:
    """Print the parts of the data and the work ahead."""
    from rich.markup import escape
    from rich.table import Table

    console = _console()
    parts = Table("part", "class", "images", "groups")
    for part, name, images, groups in report.parts:
        parts.add_row(part, escape(name), str(images), str(groups))
    console.print(parts)
    name, images = report.smallest_class
    console.print(f"smallest class of a training set: {name}, {images} images", markup=False)
    for skipped in report.skipped:
        console.print(f"left out: {skipped}", markup=False)
    plan = Table("stage", "work, if every window stops as early as it can", "amount", "about")
    for before, work in zip([None, *report.plan], report.plan, strict=False):
        stage = "" if before and before.stage == work.stage else work.stage
        amount = f"{work.amount:,} {work.unit}"
        plan.add_row(stage, escape(work.what), amount, _duration(work.seconds))
    plan.add_row("in all", "", "", _duration(sum(work.seconds for work in report.plan)))
    console.print(plan)
    if report.measured_at:
        at = datetime.fromisoformat(report.measured_at).astimezone()
        console.print(f"as this machine was measured at {at:%H:%M on %d %B}", markup=False)


def print_lab(report: LabReport) -> None:
    """Print how rules fared on simulated curves, and on the history of a run."""
    from rich.markup import escape
    from rich.table import Table

    from augsearch.lab import wording

    console = _console()
    if report.settings:
        simulated = Table(*wording.SCORE_HEADER, title=wording.title(report), title_justify="left")
        for row in wording.score_rows(report):
            simulated.add_row(*row)
        console.print(simulated)
    lines = wording.sentences(report)
    if report.run is not None:
        replays = Table(*wording.REPLAY_HEADER, title="replayed", title_justify="left")
        for row in wording.replay_rows(report.run):
            replays.add_row(*map(escape, row))
        console.print(replays)
        lines += wording.run_sentences(report.run)
    for line in lines:
        console.print(line, markup=False)


def print_assessment(assessment: Assessment) -> None:
    """Print how readers fared and how far they agree."""
    from rich.markup import escape
    from rich.table import Table

    from augsearch.reader import wording

    console = _console()
    console.print(f"page {assessment.page}", markup=False)
    accuracy = Table(*wording.accuracy_header(assessment))
    for row in wording.accuracy_rows(assessment):
        accuracy.add_row(*map(escape, row))
    console.print(accuracy)
    if assessment.agreement:
        agreement = Table(*wording.AGREEMENT_HEADER)
        for row in wording.agreement_rows(assessment):
            agreement.add_row(*map(escape, row))
        console.print(agreement)
    for note in wording.notes(assessment):
        console.print(note, markup=False)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
