"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="the study file (TOML)")]
Out = Annotated[Path | None, typer.Option(help="run directory  [default: runs/<study name>]")]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress; warnings only")]
