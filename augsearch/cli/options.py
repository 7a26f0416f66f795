"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="the study file (TOML)")]
Out = Annotated[
    Path | None, typer.Option(help="folder of the run", show_default="runs/<study name>")
]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on stdout")]
Ledger = Annotated[
    str | None,
    typer.Option(
        envvar="AUGSEARCH_LEDGER",
        metavar="URL",
        help="database that keeps the trials, e.g. postgresql://user@host/db",
        show_default="in the run",
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        envvar="AUGSEARCH_ARTIFACTS",
        metavar="URL",
        help="store that keeps a copy of the run's files, e.g. s3://bucket/folder",
        show_default="none",
    ),
]
RelativeTo = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="folder that paths in the study start from",
        show_default="the study's own folder",
    ),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="compute on this machine or on a Ray cluster; the numbers are the same"),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="with --engine ray: the cluster",
        show_default="RAY_ADDRESS, else one of this machine alone",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress, only warnings and the result")]
