"""The command line: every command reads its arguments, calls one function and prints."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augsearch.errors import AugsearchError

if TYPE_CHECKING:
    from rich.console import Console

    from augsearch.controller.check import CheckReport
    from augsearch.controller.study import Study
    from augsearch.lab.findings import LabReport
    from augsearch.reader.scoring import Assessment
    from augsearch.study.results import StudyResult

app = typer.Typer(
    help="How many synthetic images should be added to the training set, and does it help?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="the study file (TOML)")]
Out = Annotated[Path | None, typer.Option(help="run directory  [default: runs/<study name>]")]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress; warnings only")]


@app.command()
def run(
    study: StudyPath,
    out: Out = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="start anew beside the run that is there")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a study, go on with an unfinished run, or print a finished run's result."""
    from augsearch.controller.study import load_study
    from augsearch.display import make_display

    loaded = load_study(study)
    before = loaded.directory(out)
    try:
        with make_display(quiet) as display:
            result = loaded.run(out, fresh=fresh, notify=display)
    except KeyboardInterrupt:
        # Without a directory of its own yet, a fresh start has to be asked for again.
        again = fresh and before.exists() and loaded.directory(out) == before
        _stderr(f"stopped; the same command goes on: {_command(study, out, again)}")
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        _print_result(loaded, result, loaded.directory(out))


@app.command()
def check(study: StudyPath, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Validate a study and its images, and say what a run would compute and about how long."""
    from dataclasses import asdict

    from augsearch.controller.study import load_study
    from augsearch.display import make_display

    with make_display(quiet) as display:
        report = load_study(study).check(display)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        _print_check(report)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="images in class folders, a .csv or a .npz")],
    out: Annotated[Path | None, typer.Option(help="study file  [default: <folder>.toml]")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the file")] = False,
) -> None:
    """Write a commented study file for a folder of images."""
    from augsearch.files import write_text
    from augsearch.study.scaffold import scaffold_study

    target = out or Path(f"{_study_name(folder)}.toml")
    if target.exists() and not force:
        raise AugsearchError(f"{target} exists already; add --force to replace it, or --out FILE.")
    write_text(target, scaffold_study(folder, relative_to=target.parent))
    typer.echo(f"wrote {target}; next: {shlex.join(['augsearch', 'check', str(target)])}")


class SchemaName(StrEnum):
    """What there is a JSON Schema for."""

    study = "study"
    results = "results"


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="of which file")]) -> None:
    """Print the JSON Schema of study files or of results.json."""
    from augsearch.study.json_schema import results_schema, study_schema

    made = study_schema() if name is SchemaName.study else results_schema()
    typer.echo(json.dumps(made, indent=2))


@app.command()
def sync(run: Annotated[Path, typer.Argument(metavar="RUN", help="the run directory")]) -> None:
    """Send MLflow what it could not take during a run."""
    from augsearch.controller.mirror import sync_run

    report = sync_run(run)
    typer.echo(f"{report.delivered} entries sent to {report.uri}; {report.total} there in all")


@app.command()
def lab(
    run: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="a finished run: its noise and history"),
    ] = None,
    simulations: Annotated[
        int, typer.Option(min=2, help="simulated searches per rule and shape of curve")
    ] = 100,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare search rules on simulated curves, and replay a run's history under other rules."""
    from dataclasses import asdict

    from augsearch.controller.lab import search_lab
    from augsearch.display import make_display

    with make_display(quiet) as display:
        report = search_lab(run, simulations, display)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        _print_lab(report)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="finished run directories")],
    out: Annotated[
        Path | None, typer.Option(help="of several runs: HTML file  [default: comparison.html]")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write the report of a finished run again, or compare several runs side by side."""
    from augsearch.controller.compare import compare_runs
    from augsearch.controller.rerender import render_again
    from augsearch.display import make_display

    if len(runs) > 1:
        written = compare_runs(runs, out or Path("comparison.html"))
    elif out is not None:
        raise AugsearchError("--out must go with several runs; one run's report stays in the run.")
    else:
        with make_display(quiet) as display:
            written = render_again(runs[0], display)
    typer.echo(f"report: {written}")


reader = typer.Typer(
    help="Let readers tell the class, and real from synthetic images.", no_args_is_help=True
)
app.add_typer(reader, name="reader")

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="the directory of a finished run")]


@reader.command("make")
def reader_make(
    run: RunPath,
    real: Annotated[
        int | None, typer.Option(help="real images  [default: 182, or all there are]")
    ] = None,
    synthetic: Annotated[
        int | None, typer.Option(help="synthetic images  [default: 120, or all there are]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="HTML file  [default: in RUN/reader]")] = None,
) -> None:
    """Write one HTML page that shows readers real and synthetic images of a run."""
    from augsearch.controller.reader import make_reader_page

    made = make_reader_page(run, real, synthetic, out)
    for origin, counts in (("real", made.real), ("synthetic", made.synthetic)):
        classes = ", ".join(f"{count} {name}" for name, count in counts.items())
        typer.echo(f"{sum(counts.values())} {origin} images: {classes}")
    typer.echo(f"synthetic images from: {', '.join(made.sources)}")
    typer.echo(f"page: {made.page} (give readers this file alone)")
    typer.echo(f"key:  {made.key}")
    command = shlex.join(["augsearch", "reader", "score", str(run)])
    typer.echo(f"next: {command} answers-*.json")


@reader.command("score")
def reader_score(
    run: RunPath,
    answers: Annotated[list[Path], typer.Argument(help="the files that readers saved")],
    as_json: AsJson = False,
) -> None:
    """Print how well readers did, on real and synthetic images apart, and how far they agree."""
    from dataclasses import asdict

    from augsearch.controller.reader import score_readers

    assessment = score_readers(run, answers)
    if as_json:
        typer.echo(json.dumps(asdict(assessment), indent=2))
    else:
        _print_assessment(assessment)


def main() -> None:
    """Run the command line; everything a user can put right ends in one message, exit code 2."""
    # OpenMP threads that spin while they wait make a training several times slower as soon as
    # anything else wants a core. Read when torch loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        app(standalone_mode=True)
    except AugsearchError as error:
        _stderr(f"augsearch: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        _stderr(f"augsearch: cannot use{place}: {error.strerror or error}.")
        sys.exit(2)


def _study_name(folder: Path) -> str:
    """Return the folder's name without what the name of a study cannot have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().stem).strip("._-") or "study"


def _stderr(text: str) -> None:
    typer.echo(text, err=True)


def _command(study: Path, out: Path | None, fresh: bool) -> str:
    options = [*(["--out", str(out)] if out else []), *(["--fresh"] if fresh else [])]
    return shlex.join(["augsearch", "run", str(study), *options])


def _console() -> Console:
    from rich.console import Console

    # Tables in a log or a pipe are not squeezed into the 80 columns of no terminal.
    width = None if sys.stdout.isatty() else 120
    return Console(soft_wrap=True, highlight=False, emoji=False, width=width)


def _print_result(study: Study, result: StudyResult, directory: Path) -> None:
    from rich.table import Table

    from augsearch.amounts import amount_words
    from augsearch.controller.mirror import tracking_uri
    from augsearch.report.sentences import verdict_sentence, with_interval
    from augsearch.tracking.store import ui_command

    settings = study.settings
    table = Table("arm", "amount", "images", "tuning score", "test AUC", "gain over baseline")
    for name, arm in result.arms.items():
        table.add_row(
            name + (" (baseline)" if name == result.baseline else ""),
            "-" if arm.multiple is None else amount_words(arm.multiple, arm.unit),
            str(arm.n_train),
            "-" if arm.score is None else f"{arm.score:.3f}",
            with_interval(arm.test.get("auc")),
            with_interval(arm.gain, sign=True),
        )
    console = _console()
    console.print(table)
    _print_paper_tables(console, study, directory)
    console.print(verdict_sentence(result, settings.evaluation.confidence), markup=False)
    console.print(f"report: {directory / 'report.html'}", markup=False)
    if settings.tracking.enabled:
        command = ui_command(tracking_uri(settings, directory.resolve()))
        console.print(f"MLflow: {command}", markup=False)


def _print_paper_tables(console: Console, study: Study, directory: Path) -> None:
    """Print the tables that the study asks for, as the report's CSV files have them."""
    from rich.markup import escape
    from rich.table import Table

    from augsearch.report.tables import pieces, read_table

    for name, options in study.settings.report.tables.items():
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


def _print_check(report: CheckReport) -> None:
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
    plan = Table("work, if every search stops as early as it can", "amount", "about")
    for work in report.plan:
        plan.add_row(work.what, f"{work.amount} {work.unit}", _duration(work.seconds))
    plan.add_row("in all", "", _duration(sum(work.seconds for work in report.plan)))
    console.print(plan)


def _print_lab(report: LabReport) -> None:
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


def _print_assessment(assessment: Assessment) -> None:
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
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
