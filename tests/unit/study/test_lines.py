import tomllib
from typing import Any

import pytest

from augsearch.study.lines import Location, dotted, key_lines, line_of

TRICKY = '''# a comment with [brackets] and "quotes
name = "x # no comment"   # = a comment

[data]
kind."quoted.key" = 1
'literal key' = """
[not.a.table]
k = 2
"""
after = \'\'\'
''two'' quotes\'\'\'
closing = """a"""""
when = 1979-05-27 07:32:00
number = 1.5e3

[[arms.fix.add]]
source = "a"
[[arms.fix.add]]
source = "b"
inner.deep = { one = 1, two = [
  10, # ten
  { three = 3 },

  [4, 5],
] }
[arms.fix.add.table]
x = "]"
[ "sp ace" . b ]
c = [ "}", ",", '[' ]
empty = []
'''


def all_locations(value: Any, at: Location = ()) -> set[Location]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = {at} if at else set()
    for key, child in children:
        found |= all_locations(child, (*at, key))
    return found


def test_every_location_of_a_tricky_file_is_found() -> None:
    assert set(key_lines(TRICKY)) == all_locations(tomllib.loads(TRICKY))


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("name",), 2),
        (("data",), 4),
        (("data", "kind", "quoted.key"), 5),
        (("data", "literal key"), 6),
        (("data", "after"), 10),
        (("data", "closing"), 12),
        (("data", "number"), 14),
        (("arms",), 16),
        (("arms", "fix", "add", 0, "source"), 17),
        (("arms", "fix", "add", 1), 18),
        (("arms", "fix", "add", 1, "source"), 19),
        (("arms", "fix", "add", 1, "inner", "deep", "one"), 20),
        (("arms", "fix", "add", 1, "inner", "deep", "two", 0), 21),
        (("arms", "fix", "add", 1, "inner", "deep", "two", 1, "three"), 22),
        (("arms", "fix", "add", 1, "inner", "deep", "two", 2, 1), 24),
        (("arms", "fix", "add", 1, "table", "x"), 27),
        (("sp ace", "b", "c"), 29),
        (("sp ace", "b", "empty"), 30),
    ],
)
def test_lines_of_a_tricky_file(location: Location, line: int) -> None:
    assert TRICKY.splitlines()[line - 1].strip() != ""
    assert key_lines(TRICKY)[location] == line


def test_windows_line_ends_count_once() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}


def test_first_mention_wins_when_a_parent_table_comes_later() -> None:
    assert key_lines("[a.b]\nx = 1\n[a]\ny = 2\n")[("a",)] == 1


def test_line_of_falls_back_to_the_nearest_table() -> None:
    lines = key_lines("a = 1\n[b.c]\nd = 2\n")
    assert line_of(lines, ("b", "c", "gone", 3)) == 2
    assert line_of(lines, ("gone",)) == 0


def test_dotted_quotes_what_toml_would_quote() -> None:
    assert dotted(("arms", "a b", "add", 0, "x.y")) == 'arms."a b".add.0."x.y"'
