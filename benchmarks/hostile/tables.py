"""Hostile manifests: torn quotes, wrong columns, paths that lead elsewhere, bulk."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import strategies as st

from hostile.arena import Case
from hostile.mutations import mutated
from hostile.pictures import LINK_TARGETS, act, saved

__all__ = ["act", "cases"]

STUDY = """\
[images]
size = 8
on_bad_image = "{bad}"
[data]
kind = "csv"
path = "table.csv"
{options}
[split]
method = "{method}"
[arms.real]
"""
_PLACES = (
    *("a.png", "b.png", "./a.png", "sub/../b.png", "c.png", "missing.png", "", " ", ".", ".."),
    *("../outside/file.txt", "@OUTSIDE@/file.txt", "@OUTSIDE@", "/dev/zero", "/dev/stdin", "/"),
    *("/proc/self/mem", "~/x.png", "x" * 300, "x/" * 3000, "a\0.png", "a.png\x1b[2J", "link.png"),
    *("https://127.0.0.1:9/a.png", "file:///etc/passwd", "=HYPERLINK(1)", "é.png", "fifo"),
)
_CELLS = st.sampled_from(
    [
        "A",
        "B",
        "A|B",
        "No A",
        "a;b",
        "",
        " ",
        "train",
        "test",
        "val",
        "0",
        "1",
        "00",
        "1e5",
        "²",
        "٣",
        "9" * 5000,
        "p1",
        "p2",
        "\0",
        "\x1b[31m",
        '"',
        "'",
        "<b>",
        "=1+1",
        "x" * 2000,
        "\u2028",
    ]
)
_HEADERS = st.sampled_from(
    [
        "image,label",
        "image;label;patient;split",
        "image\tlabel\tpatient",
        "label,image,label",
        "image,label,patient,split",
        "",
        "image",
        ",,,",
        "image , label",
        '"image","label"',
        "IMAGE,LABEL",
    ]
)
_OPTIONS = st.lists(
    st.sampled_from(
        [
            'group_column = "patient"',
            'split_column = "split"',
            'classes = ["A", "B"]',
            'contains = {x = "A", y = "B"}',
            'classes = ["", " "]',
            'contains = {x = "", y = "|"}',
            'image_column = "label"',
            'label_column = ""',
        ]
    ),
    max_size=2,
    unique_by=lambda line: line.split(" = ")[0],
)


@st.composite
def _rows(draw: st.DrawFn) -> bytes:
    """Write a table row by row, quoted as it should be."""
    header = draw(_HEADERS)
    separator = max(",;\t", key=header.count)
    columns = [name.strip(' "').lower() for name in header.split(separator)]
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=separator, lineterminator=draw(st.sampled_from(("\n", "\r\n", "\r")))
    )
    for _ in range(draw(st.integers(0, 8))):
        writer.writerow(
            draw(st.sampled_from(_PLACES) if name == "image" else _CELLS) for name in columns
        )
    return f"{header}\n{file.getvalue()}".encode(errors="surrogatepass")


@st.composite
def _nearly_good(draw: st.DrawFn) -> bytes:
    """Write a table that can be used, mostly."""
    rows = [
        ["a.png", "A", "p1", "train"],
        ["b.png", "B", "p2", "test"],
        ["c.png", "B", "p3", "val"],
    ]
    if draw(st.integers(0, 2)):
        row, column = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        rows[row][column] = draw(_CELLS if column else st.sampled_from(_PLACES))
    return "\n".join(["image,label,patient,split", *map(",".join, rows)]).encode(errors="replace")


_GOOD = b"image,label,patient,split\na.png,A,p1,train\nb.png,B,p2,test\nc.png,A|B,p3,val\n"
_ENDLESS = st.sampled_from(
    [
        b"image,label\n" + b'"' + b"x" * 200_000,
        b"image,label\n" + b"a.png,A\n" * 100_000,
        b"image," * 100_000 + b"label\n",
        b"image,label\n" + b"a.png," + b"A|" * 50_000 + b"\n",
        b"image,label\n" + b"\n" * 1_000_000,
        b"," * 3_000_000,
        b"image,label\n" + b"".join(b"%d.png,%d\n" % (n, n) for n in range(50_000)),
    ]
)


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give a study with a table, and the few images that are there."""
    large = bulk and draw(st.integers(0, 60)) == 0
    table = draw(
        _ENDLESS
        if large
        else st.one_of(
            _rows(), _nearly_good(), _nearly_good(), mutated(_GOOD), st.binary(max_size=100)
        )
    )
    options = draw(_OPTIONS)
    if all(line.split(" = ")[0] not in ("classes", "contains") for line in options):
        options += [
            "classes = " + json.dumps(draw(st.sampled_from((["A", "B"], ["A", "B"], ["B", "A|B"]))))
        ]
    study = STUDY.format(
        bad=draw(st.sampled_from(("error", "skip"))),
        options="\n".join(options),
        method="given" if any(line.startswith("split_column") for line in options) else "hold-out",
    )
    files = {f"{name}.png": saved("L", (9, 9), "PNG") for name in "abc"}
    links = {"link.png": draw(st.sampled_from(LINK_TARGETS))} if draw(st.booleans()) else {}
    if draw(st.integers(0, 30)) == 0:
        links["table.csv"] = draw(st.sampled_from(("/dev/zero", "/dev/stdin", "@OUTSIDE@")))
    else:
        files["table.csv"] = table
    return Case({**files, "sub/x": b"", "study.toml": study.encode()}, links)
