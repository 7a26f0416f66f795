"""Whatever a study file holds, loading ends in a study or in StudyFileError."""

import copy
import datetime
import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.errors import StudyFileError
from augsearch.study.compare import differences, flatten
from augsearch.study.lines import Location, key_lines
from augsearch.study.loading import load_study_file
from augsearch.study.schema.study import StudyFile
from augsearch.study.schema.tables import Table

FULL = """
name = "full"
baseline = "real"
[images]
size = 64
channels = 1
intensity_range = [0.0, 255.0]
[data]
kind = "csv"
path = "x.csv"
contains = { a = "A", b = "B" }
[external]
kind = "folder"
path = "."
classes = ["a", "b"]
group_pattern = "^(.)"
[split]
method = "k-fold"
n_folds = 3
[sources.acgan]
kind = "acgan"
preset = "small-data"
betas = [0.0, 0.9]
augment = ["flip"]
[sources.classic]
kind = "classic"
degrees = 5
[sources.other]
kind = "callable"
function = "a:b"
options = { x = 1 }
[classifier]
weights = "random"
head = { kind = "logistic", penalty = 2.0 }
[arms.real]
[arms.fixed]
base = "real"
add = [{ source = "classic", multiple = 2 }]
[arms.search]
search = { source = "acgan", window = 3 }
[evaluation]
metric = "auc"
"""

KEYS = sorted(
    {key for table in Table.__subclasses__() for key in table.model_fields}
    | {"real", "acgan", "options", "literal", ""}
)
WORDS = ["acgan", "folder", "csv", "k-fold", "given", "real", "random", "adam", ".", "small-data"]
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.integers(-2, 70),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.dates(),
    st.times(),
    st.datetimes(),
)
NAMES = st.sampled_from(KEYS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + "".join(f"\n  {inline(item)}, # [" for item in value) + "\n]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {inline(v)}" for k, v in value.items()) + "}"
    return repr(value)


def tables(document: dict[str, Any], at: tuple[str, ...] = ()) -> str:
    """Write a document with headers for tables and for lists of tables."""
    parts = [f"{quoted(k)} = {inline(v)}\n" for k, v in document.items() if not headed(v)]
    for key, value in document.items():
        header = ".".join(map(quoted, (*at, key)))
        if isinstance(value, dict):
            parts.append(f"[{header}]  # a table\n{tables(value, (*at, key))}")
        elif headed(value):
            parts += [f"[[ {header} ]]\n{tables(item, (*at, key))}" for item in value]
    return "".join(parts)


def headed(value: Any) -> bool:
    is_list = isinstance(value, list) and bool(value)
    return isinstance(value, dict) or (is_list and all(isinstance(item, dict) for item in value))


def locations(value: Any, at: Location = ()) -> set[Location]:
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    found = {at} if at else set()
    return found.union(*(locations(child, (*at, key)) for key, child in children))


def load(content: bytes) -> StudyFile | StudyFileError:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.csv").touch()
        path = Path(folder) / "s.toml"
        path.write_bytes(content)
        try:
            return load_study_file(path)
        except StudyFileError as error:
            return error


def check(text: str) -> None:
    outcome = load(text.encode())
    if isinstance(outcome, StudyFile):
        old = json.loads(json.dumps(outcome.model_dump(mode="json")))
        assert "seed" in flatten(outcome)
        assert not any("seed" in line for line in differences(old, outcome))
        return
    n_lines = text.count("\n") + 1
    for line, _, message in outcome.problems:
        assert 0 <= line <= n_lines
        assert not any(word in message for word in ("function-", "Input should", "pydantic"))


@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
)
def test_any_bytes(content: bytes) -> None:
    outcome = load(content)
    assert isinstance(outcome, StudyFileError)
    assert outcome.problems


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_document(document: dict[str, Any]) -> None:
    check(tables(document))


def test_the_study_that_is_changed_below_is_valid() -> None:
    outcome = load(tables(tomllib.loads(FULL)).encode())
    assert isinstance(outcome, StudyFile), outcome


@given(st.data())
@settings(max_examples=200)
def test_a_study_with_a_few_things_changed(data: st.DataObject) -> None:
    document = tomllib.loads(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(sorted(locations(document), key=repr)))
        parent = document
        for step in where[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()):
            parent[where[-1]] = copy.deepcopy(data.draw(VALUES))
        elif isinstance(parent, dict):
            parent[data.draw(NAMES)] = parent.pop(where[-1])
    check(tables(document))


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_lines_are_known_for_every_key_of_a_document(document: dict[str, Any]) -> None:
    text = tables(document)
    lines = key_lines(text)
    assert lines.keys() == locations(tomllib.loads(text))
    for location, line in lines.items():
        last = location[-1]
        if isinstance(last, str):
            assert quoted(last) in text.split("\n")[line - 1]
