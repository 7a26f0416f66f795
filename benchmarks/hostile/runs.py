"""Hostile run directories and reader answers, as they are handed on: changed, torn, with links."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from matplotlib.figure import Figure

from augsearch.controller.finished_runs.compare import compare_runs
from augsearch.controller.finished_runs.lab import search_lab
from augsearch.controller.finished_runs.reader import make_reader_page, score_readers
from augsearch.controller.finished_runs.revisit import render_again
from hostile.arena import Case
from hostile.mutations import mutated

_ODD = st.sampled_from(
    [None, True, -1, 0, 1e308, 2**70, "", "x", "../../../outside/new", "@OUTSIDE@/new", [], {},
     [[]], {"": None}, "<script>alert(1)</script>", "$x^{$", "\x1b[2J", "a\0b", [None] * 3,
     0.5, "\udcff"]
)  # fmt: skip


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    return [at, *(place for key, child in children for place in _places(child, (*at, key)))]


@st.composite
def changed_json(draw: st.DrawFn, text: str) -> bytes:
    """Return a JSON document with one to three values, keys or entries changed."""
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(value)))
        if not place:
            value = draw(_ODD) if draw(st.integers(0, 9)) == 0 else value
            continue
        parent = value
        for step in place[:-1]:
            parent = parent[step]
        match draw(st.integers(0, 3)):
            case 0:
                del parent[place[-1]]
            case 1 if isinstance(parent, dict):
                parent[str(draw(_ODD))] = parent.pop(place[-1])
            case 2 if isinstance(parent, list):
                parent.append(parent[place[-1]])
            case _:
                parent[place[-1]] = draw(_ODD)
    return json.dumps(value).encode()


def _deep() -> bytes:
    return b"[" * 100_000 + b"]" * 100_000


ANSWERS = {
    "format": "augsearch reader answers",
    "version": 1,
    "page": "PAGE",
    "reader": "Anna",
    "answers": {"ID": {"class": "CLASS", "origin": "real"}},
}


@functools.cache
def _answers(run: Path) -> str:
    key = json.loads(next(run.glob("reader/*/key.json")).read_text())
    given = {
        name: {"class": key["classes"][0], "origin": "real"} for name in list(key["images"])[:3]
    }
    return json.dumps(ANSWERS | {"page": key["page"], "answers": given})


@st.composite
def answers(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give two files of answers to a page of a run."""
    good = _answers(run)
    odd = [_deep(), b"", b"null", b'{"page": NaN}', b"\xff", b'{"a":1,"a":2}', b"9" * 5000]
    content = st.one_of(
        changed_json(good), changed_json(good), mutated(good.encode()), st.sampled_from(odd)
    )
    second = draw(st.sampled_from((good.replace("Anna", "Ben"), good.replace("Anna", "\x1b[2J\n"))))
    return Case({"answers-1.json": draw(content), "answers-2.json": second.encode()})


def act_answers(folder: Path) -> None:
    """Score both readers."""
    score_readers(folder, [folder / "answers-1.json", folder / "answers-2.json"])


SMALL = (
    *(
        "results.json",
        "study.json",
        "data.json",
        "declaration.json",
        "tables/split.csv",
    ),
    *(
        "facts.json",
        "seconds.json",
        "threads.json",
        "test_opened.json",
        "log.jsonl",
    ),
    *("study.toml",),
)


@st.composite
def handed_on(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a run some of whose small files were changed, and links in place of some."""
    files = {}
    for name in draw(st.lists(st.sampled_from(SMALL), min_size=1, max_size=2, unique=True)):
        good = (run / name).read_bytes()
        is_json = name.endswith(".json") and draw(st.integers(0, 3)) > 0
        files[name] = draw(changed_json(good.decode()) if is_json else mutated(good))
    links = {}
    if draw(st.sampled_from([False, False, False, True])):
        place = draw(st.sampled_from(LINKED))
        links[place] = draw(
            st.sampled_from(("@OUTSIDE@", "@OUTSIDE@/file.txt", "@OUTSIDE@/new", ".."))
        )
        files = {name: content for name, content in files.items() if not name.startswith(place)}
    pipes = draw(st.sampled_from([(), (), (), (), (), (), (), ("pipe",), ("tables/x",)]))
    if links:  # a pipe would lie where they lead
        pipes = ()
    return Case(files, links, pipes)


LINKED = (
    *(
        "figures",
        "report.html",
        "tables",
        "log.jsonl",
        "seconds.json",
    ),
    *(
        "run.lock",
        "run.lock.holder",
        "artifacts",
        "artifacts/data",
        "artifacts/test",
    ),
    *(
        "reader",
        "results.json",
        "ledger.db",
        "ledger.db.lock",
        "tables/split.csv",
    ),
)


@st.composite
def whole_runs(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a run any of whose files were changed."""
    names = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    if draw(st.booleans()):
        return draw(handed_on(run, bulk))
    name = draw(st.sampled_from([name for name in names if not name.startswith("figures")]))
    return Case({name: draw(mutated((run / name).read_bytes()))})


def act_lab(folder: Path) -> None:
    """Replay the run's history, and compare the run with another."""
    search_lab(folder, 2)


def act_compare(folder: Path) -> None:
    """Write the comparison of the run with the untouched one."""
    compare_runs([folder, TEMPLATE[0]], folder / "comparison.html")


TEMPLATE: list[Path] = []
"""The untouched run, once it is there."""


def act_report(folder: Path) -> None:
    """Write the report again; its figures, nine tenths of the time, in every fourth case."""
    content = b"".join((folder / name).read_bytes() for name in SMALL if (folder / name).is_file())
    with contextlib.ExitStack() as stack:
        if zlib.crc32(content) % 4:
            stack.enter_context(mock.patch.object(Figure, "savefig", _not_drawn))
        render_again(folder)


def _not_drawn(_: Figure, buffer: io.StringIO, **__: object) -> None:
    buffer.write("<svg ></svg>")


def act_reader(folder: Path) -> None:
    """Make a page for readers."""
    make_reader_page(folder, 4, 4)
