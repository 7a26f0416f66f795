"""The command line: which commands there are, and what becomes of errors."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

import augsearch
from augsearch.cli import commands, jobs
from augsearch.cli.export import export
from augsearch.cli.reader import reader
from augsearch.errors import AugsearchError
from augsearch.messages import printable

_FULL_GPU = (
    "the GPU's memory must hold networks and images but is full; free it of other programs and run "
    "the same command again, which goes on where it stopped, or choose a smaller batch_size or "
    'images.size, or device = "cpu".'
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"augsearch {augsearch.__version__}")
        raise typer.Exit


@app.callback()
def before_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """How many synthetic images should be added to the training set, and does it help?"""


for command in (commands.init, commands.check, commands.run, commands.report, export):
    app.command()(command)
app.add_typer(reader, name="reader")
for further in (commands.lab, commands.sync, commands.schema):
    app.command()(further)
for job in (jobs.submit, jobs.status, jobs.logs, jobs.cancel):
    app.command(rich_help_panel="On a Ray cluster")(job)


def main() -> None:
    """Run the command line; everything a user can put right ends in one message, exit code 2."""
    # OpenMP threads that spin while they wait make a training several times slower as soon as
    # anything else wants a core. Read when torch loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Looking for garbage after every 700 new objects, the default, is a fifth of the time that
    # torch takes to load. What is large is freed by counting references either way.
    gc.set_threshold(50_000, 20)
    atexit.register(_spare_the_last_search)
    if isinstance(sys.stdout, TextIOWrapper):  # a file or pipe on Windows has few letters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(standalone_mode=True)
    except AugsearchError as error:
        typer.echo(printable(f"augsearch: {error}"), err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        said = _problem(error)
        if said is None:
            raise
        typer.echo(printable(f"augsearch: {said}"), err=True)
        sys.exit(2)


def _spare_the_last_search() -> None:
    """Have no garbage looked for at the very end, in all of the libraries' objects.

    That is almost a second where torch and torchvision are loaded; the process gives its memory
    back as it is. Triton, from 3.9 on (torch 2.15), would list on stderr what is left of it.
    """
    triton = sys.modules.get("triton")
    if triton is None or tuple(map(int, triton.__version__.split(".")[:2])) < (3, 9):
        gc.freeze()


def _problem(error: Exception) -> str | None:
    """Return what the user can put right; None for a defect."""
    from augsearch.plugins import plugin_problem

    torch = sys.modules.get("torch")  # who has not loaded it has no such error
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return _FULL_GPU
    if (said := plugin_problem(error)) is not None:
        return said
    if isinstance(error, RuntimeError | TypeError) and "MPS" in str(error):
        first = str(error).partition(". ")[0]
        return (
            f'device = "mps" must do all that the study asks for but cannot: {first}. Set device = '
            '"cpu", and add --fresh if the run has begun.'
        )
    if not isinstance(error, OSError):
        return None
    place = f" {error.filename}" if error.filename else ""
    return f"cannot use{place}: {error.strerror or error}."
