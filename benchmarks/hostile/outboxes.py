"""Hostile outboxes of a run: what `augsearch sync` would send where, and from where."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from augsearch.controller.mirror import sync_run
from augsearch.errors import TrackingError
from augsearch.tracking.delivery import Delivery
from augsearch.tracking.outbox import Outbox
from augsearch.tracking.store import sqlite_uri
from hostile.arena import Case
from hostile.mutations import mutated
from hostile.runs import changed_json

_HERE = "@OUTSIDE@/../case"
_SECRETS = ("file.txt", "passwd")
_RUNS = ("study", "arm/search", "arm/search/fold 0")
_ENTRIES: list[dict[str, Any]] = [
    *({"kind": "RunOpened", "run": run, "name": run, "parent": None} for run in _RUNS),
    {
        "kind": "ParametersSet",
        "run": "arm/search",
        "parameters": {"seed": "7", "arms.search": "{}"},
    },
    {"kind": "PointsLogged", "points": [["arm/search", "score", 1, 0.5], ["study", "x", 2, "nan"]]},
    {"kind": "FileAdded", "run": "study", "path": "results.json", "folder": ""},
    {"kind": "FileAdded", "run": "arm/search", "path": "figures", "folder": "figures"},
    {"kind": "TagsSet", "run": "study", "tags": {"audit": "pass"}},
    {"kind": "RunClosed", "run": "study", "tags": {"verdict": "helps"}},
]
_ODD_PATHS = st.sampled_from(
    [
        *(
            "../outside/file.txt",
            "@OUTSIDE@",
            "@OUTSIDE@/file.txt",
            "/etc/passwd",
            "..",
            "/",
            ".",
            "",
        ),
        *("figures/../../outside", "../../../../../etc/passwd", "/dev/zero", "a\0b", "x" * 5000),
        *("../../../outside/new", "@OUTSIDE@/new", "nothing", "to-outside/file.txt", "\ud7ff", "~"),
    ]
)
_ODD_NAMES = st.sampled_from(
    [
        "",
        "..",
        "../../../outside/new",
        "@OUTSIDE@/new",
        "a/b",
        "x" * 5000,
        "\x1b[2J",
        "a\nb",
        "'; --",
    ]
)


@functools.cache
def _empty_store(folder: Path) -> Path:
    """Make an MLflow store without experiments; making one takes seconds."""
    path = folder.parent / "empty.db"
    if not path.exists():
        box = Outbox.open(folder.parent / "empty.jsonl", sqlite_uri(path), "template")
        Delivery(box).recheck()
    return path


@st.composite
def cases(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a run an outbox of its own, a store for it, and a cursor.

    The store is one in the case's folder: which one it is is the run's to say, as `tracking.uri` is
    the study's.
    """
    store = f"mlflow-{draw(st.integers(0, 2**40))}.db"  # MLflow keeps each store that it has opened
    entries = numbered()
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, draw(st.sampled_from(entries)))
    if draw(st.booleans()):
        changed = json.loads(draw(changed_json(json.dumps(entries))))
        entries = changed if isinstance(changed, list) else [changed]
    sent = as_lines(entries)
    if draw(st.integers(0, 3)) == 0:
        sent = draw(mutated(b"\n".join(sent))).split(b"\n")
    if bulk and draw(st.integers(0, 30)) == 0:
        sent.append(draw(st.sampled_from([b"[" * 100_000, b"9" * 10_000_000, b"\0" * 1000])))
    first = json.dumps({"destination": _destination(draw, store)}).encode()
    outbox = b"\n".join([first, *sent, b""])
    files = {"outbox.jsonl": outbox}
    if draw(st.booleans()):
        good = json.dumps(
            {
                "store": f"sqlite:///{_HERE}/{store} study",
                "delivered": 3,
                "runs": {},
                "refused": [1],
            }
        )
        files["outbox.cursor.json"] = draw(changed_json(good))
    links = draw(st.sampled_from([{}, {}, {}, {}, {}, {}, {"to-outside": "@OUTSIDE@"}]))
    return Case(files, links, (), {store: _empty_store(run)})


def numbered() -> list[Any]:
    """Return entries as they should be."""
    return [{"id": f"e{number}", "time_ms": 10**12, **one} for number, one in enumerate(_ENTRIES)]


def _change(draw: st.DrawFn, entry: dict[str, Any]) -> None:
    odd = {"path": _ODD_PATHS, "folder": _ODD_PATHS, "run": _ODD_NAMES, "name": _ODD_NAMES}
    known = [key for key in odd if key in entry]
    if known:
        key = draw(st.sampled_from(known))
        entry[key] = draw(odd[key])


def _destination(draw: st.DrawFn, store: str) -> Any:
    good = _good_destination(store)
    match draw(st.integers(0, 5)):
        case 0:
            good["experiment"] = draw(_ODD_NAMES)
        case 1:
            good["study_run"] = draw(_ODD_NAMES)
        case 2:
            good["uri"] = draw(
                st.sampled_from(["", "x", "nosuch://x", "sqlite://", "a\0b", None, 7])
            )
    return good


def _good_destination(store: str) -> dict[str, Any]:
    return {
        "uri": f"sqlite:///{_HERE}/{store}",
        "experiment": "study",
        "study_run": "0123456789abcdef",
    }


def as_lines(entries: list[Any]) -> list[bytes]:
    """Return the lines of an outbox."""
    return [json.dumps(entry).encode() for entry in entries]


FIRST = Case(
    {
        "outbox.jsonl": b"\n".join(
            as_lines([{"destination": _good_destination("mlflow.db")}, *numbered(), ""])
        )
    }
)
"""An outbox as it should be, for a store that has to be made."""


def act(folder: Path) -> None:
    """Send what is left, and look whether a file of the machine went with it.

    Raises:
        TrackingError: As the command line has it; or every entry of an accepted outbox was refused.
        AssertionError: A file from outside the run was sent.
    """
    report = sync_run(folder)
    # Files alone: an entry may name the folder that its own file goes to as it likes.
    there = (path for path in (folder / "mlartifacts").rglob("*") if path.is_file())
    sent = [path for path in there if path.name in _SECRETS]
    if sent:
        raise AssertionError(f"{sent} was sent")
    if report.refused:
        raise TrackingError("\n".join(report.refused))
