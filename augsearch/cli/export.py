"""`augsearch export`: images, model or features of a finished run, for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from augsearch.cli.options import Artifacts, Ledger, Quiet


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the directory of a finished run")],
    what: Annotated[Literal["images", "model", "features"], typer.Option(help="what to export")],
    out: Annotated[
        Path | None,
        typer.Option(help="folder to write, a new one", show_default="RUN/exports/WHAT-ARM"),
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(
            help="whose images, model or features", show_default="the arm that the verdict is about"
        ),
    ] = None,
    image_format: Annotated[
        Literal["png", "dicom"] | None,
        typer.Option("--format", help="file format of images", show_default="png"),
    ] = None,
    track: Annotated[
        bool, typer.Option("--track", help="add the export to the arm's run in MLflow")
    ] = False,
    ledger: Ledger = None,
    artifacts: Artifacts = None,
    quiet: Quiet = False,
) -> None:
    """Write the images, the model or the features of a finished run's arm, with a card."""
    from augsearch.controller.finished_runs.export import export_run
    from augsearch.controller.run_directory.sharing import Stores
    from augsearch.display import make_display

    with make_display(quiet) as display:
        made = export_run(
            run, what, out, arm, image_format, track, display, Stores(ledger, artifacts)
        )
    for line in (*made.contents, made.verdict, f"folder: {made.folder}"):
        typer.echo(line)
    if made.told:
        from augsearch.messages import printable
        from augsearch.tracking.store import ui_command

        typer.echo(printable(f"MLflow: {ui_command(made.told)}"))
