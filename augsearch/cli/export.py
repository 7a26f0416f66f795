"""`augsearch export`: images, model or features of a finished run, for others."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augsearch.cli.options import Artifacts, Ledger, Quiet

if TYPE_CHECKING:
    from augsearch.export.images import ImageFormat


class What(StrEnum):
    """What can be exported."""

    images = "images"
    model = "model"
    features = "features"


class Format(StrEnum):
    """What image files can be."""

    png = "png"
    dicom = "dicom"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the directory of a finished run")],
    what: Annotated[What, typer.Option(help="what to export")],
    out: Annotated[
        Path | None, typer.Option(help="a new folder", show_default="RUN/exports/WHAT-ARM")
    ] = None,
    arm: Annotated[
        str | None, typer.Option(help="whose", show_default="the arm that the verdict is about")
    ] = None,
    image_format: Annotated[
        Format | None, typer.Option("--format", help="of images", show_default="png")
    ] = None,
    track: Annotated[
        bool, typer.Option("--track", help="add it to the arm's run in MLflow")
    ] = False,
    ledger: Ledger = None,
    artifacts: Artifacts = None,
    quiet: Quiet = False,
) -> None:
    """Write the images, the model or the features of a finished run's arm, with a card."""
    from augsearch.controller.export import export_run
    from augsearch.controller.sharing import Stores
    from augsearch.display import make_display

    wanted: ImageFormat | None = None if image_format is None else image_format.value
    with make_display(quiet) as display:
        made = export_run(
            run, what.value, out, arm, wanted, track, display, Stores(ledger, artifacts)
        )
    for line in (*made.contents, made.verdict, f"folder: {made.folder}"):
        typer.echo(line)
