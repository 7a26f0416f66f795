"""Hostile study files: foreign bytes, wrong values, paths and names that lead elsewhere, bulk."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

from augsearch.controller.run_directory.claiming import claimed, settle
from augsearch.controller.study import load_study
from hostile.arena import Case
from hostile.mutations import mutated

_STUDIES = Path(__file__).parents[2] / "studies"
GOOD = """\
name = "good"
seed = 1
[images]
size = 16
preprocess = ["normalise", {step = "resize", size = 32}]
[data]
kind = "csv"
path = "x.csv"
contains = {a = "A", b = "B"}
group_column = "patient"
[external]
kind = "folder"
path = "."
classes = ["a", "b"]
group_pattern = "^([^_]+)_"
[split]
method = "k-fold"
n_folds = 3
[sources.acgan]
kind = "acgan"
preset = "small-data"
[sources.made]
kind = "folder"
path = "made"
select = {by = "confidence", best = 5}
[sources.mine]
kind = "callable"
function = "os:system"
options = {command = "touch code-was-run"}
[classifier]
weights = "random"
head = {kind = "logistic", penalty = 2.0}
[classifiers.other]
kind = "end-to-end"
network = "resnet18"
epochs = 2
weights = "w.pt"
[arms.real]
[arms.fixed]
base = "real"
add = [{source = "mine", multiple = 2}]
[arms.search]
search = {source = "acgan", rule = "sweep", multiples = [1, 2, 3]}
[tune]
parameters = {"head.penalty" = [0.1, 1.0]}
[evaluation]
metric = "auc"
endpoints = ["kappa", "brier"]
[report.tables.mine]
title = "<script>alert(1)</script>"
metrics = ["auc"]
[tracking]
uri = "sqlite:///m.db"
"""

PLACES = st.sampled_from(
    [
        *(
            "../outside/file.txt",
            "../outside/folder/x",
            "@OUTSIDE@/file.txt",
            "@OUTSIDE@/new",
            "..",
        ),
        *("/dev/zero", "/dev/stdin", "/proc/self/mem", "/etc/passwd", "~/x", "~nobody/x", "a\0b"),
        *("/", "", ".", "...", "con", "x" * 5000, "x/" * 3000, "%2e%2e/x", "..\\..\\x", "\u202ex"),
        *("good\n", "-rf", "$HOME", "{{7*7}}", "https://127.0.0.1:9/x", "a\x1b[2Jb", "é", "\ud7ff"),
        *("^(a+)+$", "(((((((((a*)*)*)*)*)*)*)*)*)b", "(" * 500 + "a" + ")" * 500, "(a{999}){999}"),
        *("os:system", "builtins:eval", "augsearch.cli.entry:main", "code_was_run:f"),
    ]
)
"""Values that lead out of the folder, name something that is no plain file, or cost much."""

_WORDS = st.sampled_from(
    ["folder", "csv", "acgan", "real", "callable", "medmnist", "demo", "given", "auc", "w.pt"]
)
_VALUES = st.one_of(
    PLACES.map(lambda text: json.dumps(text)),
    _WORDS.map(lambda text: json.dumps(text)),
    st.sampled_from(["inf", "nan", "-1", "0", "1e308", "9" * 400, "true", "[]", "{}", "[[[]]]"]),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1979-05-27", "07:32:00", "[" * 60 + "]" * 60, "'''\n'''"]),
)


@st.composite
def _changed_lines(draw: st.DrawFn) -> str:
    """Change the value of some lines, drop some, repeat some."""
    lines = GOOD.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 7)):
            case 0:
                del lines[at : at + 1]
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2 if lines[at].startswith("["):
                head = lines[at].strip("[]").split(".")[0]
                lines[at] = f"[{head}.{json.dumps(draw(PLACES))}]"
            case _ if " = " in lines[at]:
                lines[at] = f"{lines[at].split(' = ')[0]} = {draw(_VALUES)}"
    return "\n".join(lines) + "\n"


_BULK = st.sampled_from(
    [
        "a." * 5000 + "a = 1",
        "a." * 40_000 + "a = 1",
        "[" + "a." * 20_000 + "a]",
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "{b = " * 3000 + "1" + "}" * 3000,
        "".join(f"k{number} = {number}\n" for number in range(30_000)),
        GOOD + "".join(f"[sources.s{number}]\nkind = 'acgn'\n" for number in range(5_000)),
        GOOD + "".join(f"[arms.s{number}]\nbase = 's{number + 1}'\n" for number in range(3_000)),
        GOOD + "".join(f"[[x]]\ny{number} = 1\n" for number in range(10_000)),
        "a = '" + "x" * 2_000_000 + "'",
        "# " + "x" * 30_000_000,
        "\n" * 3_000_000,
        'a = "' + "\\u0041" * 200_000 + '"',
        "name = " + "'x'" * 2,
    ]
).map(str.encode)

_CONTENT = st.one_of(
    _changed_lines().map(str.encode),
    _changed_lines().map(str.encode),
    _changed_lines().map(str.encode),
    mutated(GOOD.encode()),
    st.sampled_from(sorted(_STUDIES.glob("*.toml"))).flatmap(
        lambda path: mutated(path.read_bytes())
    ),
    st.binary(max_size=200),
    st.sampled_from([b"\xff\xfe", b"\xef\xbb\xbf" + GOOD.encode(), GOOD.encode("utf-16"), b"\0"]),
)
_LINKS = st.sampled_from(
    [
        {},
        {},
        {},
        {"runs/good/study.json": "@OUTSIDE@/file.txt"},
        {"runs/good/study.toml": "@OUTSIDE@/file.txt", "runs/good/run.lock": "@OUTSIDE@/new.lock"},
        {"runs/good/artifacts": "@OUTSIDE@", "runs/good/run.lock": "../../x"},
        {"x.csv": "/dev/zero"},
        {"study.toml": "/dev/zero"},
        {"study.toml": "study.toml"},
    ]
)
_AROUND = {"x.csv": b"image,label\n", "made/a/x.png": b"", "w.pt": b""}


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give a study file, a few files that it may name, and links where a run would write.

    Args:
        draw: Hypothesis.
        bulk: Now and then a large one.
    """
    large = bulk and draw(st.integers(0, 60)) == 0
    content = draw(_BULK if large else _CONTENT)
    return Case({**_AROUND, "study.toml": content}, draw(_LINKS))


def act(folder: Path) -> None:
    """Load the study, claim its run directory and freeze it there, as `augsearch run` does."""
    study = load_study("study.toml")
    with claimed(study.directory(), study.settings, fresh=False) as directory:
        settle(directory, study.settings, study.text)
