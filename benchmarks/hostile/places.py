"""The real command line on hostile runs and in hostile places: export, --out, a run's directory."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st

from augsearch.cli import main
from augsearch.errors import AugsearchError
from hostile.arena import Case
from hostile.runs import whole_runs

ARGUMENTS = "arguments.json"

_NO_PLACES = [
    *(
        "",
        ".",
        "..",
        "...",
        "~",
        "~nobody/x",
        "-",
        "--",
        "-x",
        "%2e%2e",
        "\x1b[2J",
        "a\nb",
        "\udcff",
    ),
    *("results.json", "results.json/x", "artifacts", "figures/../..", "nothing", "nothing/x"),
    *("/", "/dev", "/dev/null", "/dev/zero", "/dev/stdin", "/proc/self", "/proc/self/mem"),
    *("@OUTSIDE@", "@OUTSIDE@/file.txt", "../outside", "../outside/file.txt", "file:///x", "x://y"),
    *("x" * 300, "x" * 5000, "x/" * 3000, "loop", "loop/x", "dangling", "to-outside", "to-file"),
    *("itself", "itself/itself", "pipe", "pipe/x", "to-zero"),
]
"""Where there is no run, or more than a file, or nothing that can be made."""
_THE_RUN = ("", ".", "itself", "itself/itself")
"""`--fresh` begins beside it, as it should, and that is outside the case."""
PLACES = st.sampled_from(_NO_PLACES)
_LINKS = {
    **{"loop": "loop", "dangling": "nowhere/at/all", "to-outside": "@OUTSIDE@", "itself": "."},
    **{"to-file": "@OUTSIDE@/file.txt", "to-zero": "/dev/zero"},
}
_NOTHING_IN_IT = '[data]\nkind = "csv"\npath = "x.csv"\nclasses = ["a", "b"]\n[arms.real]\n'


@st.composite
def exported(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a changed run, and arguments of `augsearch export`."""
    case = draw(whole_runs(run, bulk))
    arguments = ["export", ".", "--quiet", "--what"]
    whats = ["images"] * 6 + ["features"] * 2 + ["model"] * bulk  # a model takes long
    arguments += [draw(st.sampled_from(whats))]
    if arguments[-1] == "images" and draw(st.booleans()):
        arguments += ["--format", draw(st.sampled_from(["png", "dicom", "../x"]))]
    if draw(st.booleans()):
        arms = ["twice", "twice", "search", "real", "", "../../outside", "\x1b[2J", "x" * 5000]
        arguments += [f"--arm={draw(st.sampled_from(arms))}"]
    if draw(st.integers(0, 3)) == 0:
        arguments += [f"--out={draw(PLACES)}"]
    return _with_arguments(case, arguments)


@st.composite
def named(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a whole run with odd things in it, and a command that is given a wrong place."""
    place = draw(PLACES)
    anew = [] if place in _THE_RUN else [["run", "empty.toml", f"--out={place}", "--fresh"]]
    command = draw(
        st.sampled_from(
            [
                ["report", place],
                ["report", ".", place],
                ["report", ".", "itself/../itself", place],
                ["lab", "--from", place],
                ["reader", "make", place],
                ["reader", "score", place, "results.json"],
                ["reader", "score", ".", place],
                ["export", place, "--what", "images"],
                ["sync", place],
                ["check", place],
                ["run", place],
                ["run", "empty.toml", f"--out={place}"],
                *anew,
                ["init", place],
                ["init", "made", f"--out={place}"],
            ]
        )
    )
    files = {"empty.toml": _NOTHING_IN_IT.encode(), "x.csv": b"image,label\n", "made/a/x.png": b""}
    outside = draw(st.booleans())
    links = {
        name: to
        for name, to in _LINKS.items()
        if outside or name in ("loop", "itself") or name == place.partition("/")[0]
    }
    pipes = ("pipe",) if outside or place.startswith("pipe") else ()
    return _with_arguments(Case(files | {"made/b/x.png": b""}, links, pipes), command)


def _with_arguments(case: Case, arguments: list[str]) -> Case:
    """Return the case with arguments, which may hold what is no UTF-8."""
    return Case({**case.files, ARGUMENTS: json.dumps(arguments).encode()}, case.links, case.pipes)


EXPORT = _with_arguments(Case({}), ["export", ".", "--what", "images"])
"""What every export begins with."""


def act(folder: Path) -> None:
    """Give the command line its arguments."""
    call(json.loads((folder / ARGUMENTS).read_text()))


def call(arguments: list[str]) -> str:
    """Run the command line in this process, judge what it ended with, return what it printed.

    Raises:
        AugsearchError: It was refused with this message.
        AssertionError: It ended with another exit code than 0 and 2.
    """
    said, printed = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["augsearch", *arguments]),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    if code == 2:
        raise AugsearchError(said.getvalue())
    if code:
        raise AssertionError(f"exit code {code}: {said.getvalue()[-300:]}")
    return printed.getvalue() + said.getvalue()
