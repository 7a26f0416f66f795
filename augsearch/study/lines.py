"""Where in a TOML file a key stands: the one thing that tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence

Location = tuple[int | str, ...]
"""Where a value sits in the parsed document: keys, and numbers (from 0) inside lists."""
Problem = tuple[Location, str]
"""Where something is wrong, and what."""

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t]+|\#[^\n]*)
    | (?P<newline>\r?\n)
    | (?P<quoted>"{3}(?:\\[\s\S]|[^\\])*?"{3}(?!") | '{3}[\s\S]*?'{3}(?!')
                | "(?:\\.|[^"\\])*" | '[^']*')
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,."'#]+)
    """,
    re.VERBOSE,
)


def key_lines(text: str) -> dict[Location, int]:
    r"""Return the line, from 1, of every key, table and list item of a TOML document.

    Args:
        text: A document that tomllib accepts; of any other the answer means nothing.

    Example:
        >>> key_lines("a = 1\nb.c = [2]")
        {('a',): 1, ('b',): 2, ('b', 'c'): 2, ('b', 'c', 0): 2}
    """
    return _Scanner(text).scan()


def longest_key(text: str) -> int:
    """Return how many parts the longest dotted key of a text has, be the text TOML or not."""
    longest = parts = 0
    for kind, _, _ in _tokens(text):
        parts = parts + (kind == ".") if kind in ("bare", "quoted", ".") else 0
        longest = max(longest, parts + 1)
    return longest


def line_of(lines: Mapping[Location, int], location: Location) -> int:
    """Return the line of a location or of the nearest table around it; 0 if there is none."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 0)


def dotted(location: Sequence[int | str]) -> str:
    """Write a location as one would in TOML: ``arms.search.add.0."odd key"``."""
    return ".".join(
        str(part) if re.fullmatch(r"[\w-]+", str(part)) else f'"{part}"' for part in location
    )


class _Scanner:
    """Reads tokens one after the other; a statement is a table header or a pair."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.lines: dict[Location, int] = {}
        self.items: dict[Location, int] = {}  # [[a]] seen so far

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else "end"

    def scan(self) -> dict[Location, int]:
        table: Location = ()
        while self.kind != "end":
            if self.kind == "[":
                table = self.header()
            elif self.kind in ("bare", "quoted"):
                self.pair(table)
            else:
                self.at += 1
        return self.lines

    def header(self) -> Location:
        """Read ``[a.b]`` or ``[[a.b]]``; a list of tables on the way stands for its last one."""
        start = self.at
        while self.kind == "[":
            self.at += 1
        is_item = self.at - start == 2
        path: Location = ()
        keys = self.keys()
        for position, (key, line) in enumerate(keys, start=1):
            path = self.note((*path, key), line)
            if is_item and position == len(keys):
                self.items[path] = self.items.get(path, 0) + 1
            if path in self.items:
                path = self.note((*path, self.items[path] - 1), line)
        while self.kind == "]":
            self.at += 1
        return path

    def pair(self, table: Location) -> None:
        path = table
        for key, line in self.keys():
            path = self.note((*path, key), line)
        self.at += 1  # the equals sign
        self.value(path)

    def keys(self) -> list[tuple[str, int]]:
        """Read ``a."b".c``."""
        keys = []
        while self.kind in ("bare", "quoted", "."):
            kind, word, line = self.tokens[self.at]
            self.at += 1
            if kind != ".":
                keys.append((tomllib.loads(f"k={word}")["k"] if kind == "quoted" else word, line))
        return keys

    def value(self, path: Location) -> None:
        opening = self.kind
        closing = {"[": "]", "{": "}"}.get(opening)
        if closing is None:
            while self.kind not in (",", "]", "}", "newline", "end"):
                self.at += 1
            return
        self.at += 1
        index = 0
        while self.kind not in (closing, "end"):
            if self.kind in (",", "newline"):
                self.at += 1
            elif opening == "{":
                self.pair(path)
            else:
                self.value(self.note((*path, index), self.tokens[self.at][2]))
                index += 1
        self.at += 1

    def note(self, path: Location, line: int) -> Location:
        self.lines.setdefault(path, line)
        return path


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Cut `text` into (kind, characters, line); a mark is a kind of its own, space is dropped."""
    tokens = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind, word = str(match.lastgroup), match.group()
        if kind != "space":
            tokens.append((word if kind == "mark" else kind, word, line))
        line += word.count("\n")
    return tokens
