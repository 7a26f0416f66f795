"""`augsearch reader`: a page for readers, and what their answers say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from augsearch.cli.options import AsJson
from augsearch.cli.printing import print_assessment
from augsearch.messages import command_line

reader = typer.Typer(
    help="Let readers tell the class, and real from synthetic images.", no_args_is_help=True
)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="the directory of a finished run")]


@reader.command("make")
def reader_make(
    run: RunPath,
    real: Annotated[
        int | None, typer.Option(help="how many real images", show_default="182, or all there are")
    ] = None,
    synthetic: Annotated[
        int | None,
        typer.Option(help="how many synthetic images", show_default="120, or all there are"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write", show_default="in RUN/reader")
    ] = None,
) -> None:
    """Write one HTML page that shows readers real and synthetic images of a run."""
    from augsearch.controller.finished_runs.reader import make_reader_page

    made = make_reader_page(run, real, synthetic, out)
    for origin, counts in (("real", made.real), ("synthetic", made.synthetic)):
        classes = ", ".join(f"{count} {name}" for name, count in counts.items())
        typer.echo(f"{sum(counts.values())} {origin} images: {classes}")
    typer.echo(f"synthetic images from: {', '.join(made.sources)}")
    typer.echo(f"page: {made.page} (give readers this file alone)")
    typer.echo(f"key:  {made.key}")
    command = command_line(["augsearch", "reader", "score", str(run)])
    typer.echo(f"next: {command} answers-*.json")


@reader.command("score")
def reader_score(
    run: RunPath,
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS...", help="the files that readers saved")
    ],
    as_json: AsJson = False,
) -> None:
    """Print how well readers did, on real and synthetic images apart, and how far they agree."""
    from dataclasses import asdict

    from augsearch.controller.finished_runs.reader import score_readers

    assessment = score_readers(run, answers)
    if as_json:
        typer.echo(json.dumps(asdict(assessment), indent=2))
    else:
        print_assessment(assessment)
