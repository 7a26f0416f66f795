"""The commands: each reads its arguments, calls one function and prints."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from augsearch.cli.options import (
    Address,
    Artifacts,
    AsJson,
    Engine,
    Ledger,
    Out,
    Quiet,
    RelativeTo,
    StudyPath,
)
from augsearch.cli.printing import print_check, print_lab, print_result
from augsearch.errors import AugsearchError
from augsearch.messages import command_line, masked, printable


def run(
    study: StudyPath,
    out: Out = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="keep the run that is there and start anew beside it")
    ] = False,
    relative_to: RelativeTo = None,
    engine: Engine = "local",
    address: Address = None,
    ledger: Ledger = None,
    artifacts: Artifacts = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a study, go on with an unfinished run, or print a finished run's result."""
    from augsearch.controller.study import load_study
    from augsearch.display import make_display

    loaded = load_study(study, relative_to)
    before = loaded.directory(out)
    finished = not fresh and (before / "results.json").exists()
    try:
        with make_display(quiet) as display:
            result = loaded.run(
                out,
                fresh=fresh,
                engine=engine,
                address=address,
                ledger=ledger,
                artifacts=artifacts,
                notify=display,
            )
    except KeyboardInterrupt:
        # Without a directory of its own yet, a fresh start has to be asked for again.
        again = fresh and before.exists() and loaded.directory(out) == before
        places = {"address": address, "ledger": ledger, "artifacts": artifacts}
        places["relative-to"] = None if relative_to is None else str(relative_to)
        command = _command(study, out, again, engine, places)
        typer.echo(f"stopped; the same command goes on: {command}", err=True)
        raise typer.Exit(130) from None
    if finished and not quiet:
        typer.echo(
            f"{before} was finished before: this is its result as it was, whatever has become of "
            "the images since; --fresh runs the study anew beside it.",
            err=True,
        )
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json"), indent=2))
    else:
        print_result(loaded, result, loaded.directory(out))


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
        print_check(report)


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="a folder of class folders (images or DICOM files), a table (.csv) or a .npz",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="study file to write", show_default="<folder>.toml")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="replace a study file that is there")
    ] = False,
) -> None:
    """Write a commented study file for your images; begin here."""
    from augsearch.data.scaffold import scaffold_study
    from augsearch.files import write_text

    target = out or Path(f"{_study_name(folder)}.toml")
    if target.exists() and not force:
        raise AugsearchError(f"{target} exists already; add --force to replace it, or --out FILE.")
    write_text(target, scaffold_study(folder, relative_to=target.parent))
    typer.echo(f"wrote {target}; next: {command_line(['augsearch', 'check', str(target)])}")


def schema(
    name: Annotated[
        Literal["study", "results"], typer.Argument(metavar="study|results", help="of which file")
    ],
) -> None:
    """Print the JSON Schema of study files or of results.json."""
    from augsearch.study.json_schema import results_schema, study_schema

    made = study_schema() if name == "study" else results_schema()
    typer.echo(json.dumps(made, indent=2))


def sync(run: Annotated[Path, typer.Argument(metavar="RUN", help="the run directory")]) -> None:
    """Send MLflow what it could not take during a run."""
    from augsearch.controller.mirror import sync_run

    report = sync_run(run)
    for refusal in report.refused:
        typer.echo(printable(f"warning: {refusal}"), err=True)
    sent = f"{report.delivered} entries sent to {report.uri}; {report.total} there in all"
    typer.echo(printable(sent))


def lab(
    run: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="simulate this finished run's noise, and replay its history",
        ),
    ] = None,
    simulations: Annotated[
        int, typer.Option(min=2, help="simulated searches per rule and shape of curve")
    ] = 100,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare search rules on simulated curves, and replay a run's history under other rules."""
    from dataclasses import asdict

    from augsearch.controller.finished_runs.lab import search_lab
    from augsearch.display import make_display

    with make_display(quiet) as display:
        report = search_lab(run, simulations, display)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        print_lab(report)


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="finished run directories")],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file that compares several runs", show_default="comparison.html"),
    ] = None,
    ledger: Ledger = None,
    artifacts: Artifacts = None,
    quiet: Quiet = False,
) -> None:
    """Write the report of a finished run again, or compare several runs side by side."""
    from augsearch.controller.finished_runs.compare import compare_runs
    from augsearch.controller.finished_runs.revisit import render_again
    from augsearch.controller.run_directory.sharing import Stores
    from augsearch.display import make_display

    if len(runs) > 1:
        written = compare_runs(runs, out or Path("comparison.html"))
    elif out is not None:
        raise AugsearchError("--out must go with several runs; one run's report stays in the run.")
    else:
        with make_display(quiet) as display:
            written = render_again(runs[0], display, Stores(ledger, artifacts))
    typer.echo(f"report: {written}")


def _study_name(folder: Path) -> str:
    """Return the folder's name without what the name of a study cannot have."""
    from augsearch.files import real_path

    return re.sub(r"[^A-Za-z0-9._-]+", "-", real_path(folder).stem).strip("._-") or "study"


def _command(
    study: Path,
    out: Path | None,
    fresh: bool,
    engine: str,
    places: Mapping[str, str | None],
) -> str:
    """Return the command to give again; what the environment says need not be repeated."""
    options = [*(["--out", str(out)] if out else []), *(["--fresh"] if fresh else [])]
    options += [] if engine == "local" else ["--engine", engine]
    for name, url in places.items():
        if url is not None and url != os.environ.get(f"AUGSEARCH_{name.upper()}"):
            options += [f"--{name}", masked(url)]
    return command_line(["augsearch", "run", str(study), *options])
