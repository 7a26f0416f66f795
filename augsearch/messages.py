"""How messages write values, problems, commands, the word that was probably meant, and secrets."""

from __future__ import annotations

import datetime
import difflib
import json
import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence


def show(value: object) -> str:
    """Write a value of a TOML document in a few characters."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, datetime.date | datetime.time):
        return f"the date or time {value.isoformat()}"
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, int) and abs(value) >= 10**20:
        text = "a number of more than 20 digits"
    else:
        text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def cut(text: str, most: int) -> str:
    """Cut what nobody reads to the end: a cell of a table can have 100,000 characters."""
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def few(words: Iterable[str], limit: int) -> str:
    """Write the first `limit` words and how many more there are."""
    chosen = list(words)
    text = ", ".join(chosen[:limit])
    return text + (f" and {len(chosen) - limit} more" if len(chosen) > limit else "")


def names(words: Iterable[str], limit: int = 20) -> str:
    """Write words in quotes, the first `limit` of them and how many more."""
    return few((cut(repr(word), 200) for word in words), limit)


def lines(problems: Sequence[str], limit: int = 20) -> str:
    """Write problems one to a line, the first `limit` of them and how many more."""
    shown = [f"\n  {cut(problem, 600)}" for problem in problems[:limit]]
    if len(problems) > limit:
        shown.append(f"\n  and {len(problems) - limit} more")
    return "".join(shown)


def hint(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" if something known resembles `word`, else nothing."""
    alike = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(str(word).casefold()[:100], alike, n=1)
    return f" (did you mean {alike[close[0]]!r}?)" if close else ""


def unknown(word: str, known: Iterable[str]) -> str:
    """Return "but got 'word'" with a hint, to end a sentence about a rule."""
    return f"but got {show(word)}{hint(word, known)}"


_ON_WINDOWS = os.name == "nt"
_NEEDS_NO_QUOTES = re.compile(r"[\w+=:./\\-]+")


def command_line(words: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Write a command to paste into a shell; on Windows that may be cmd or PowerShell.

    Args:
        words: Program and arguments.
        variables: What the command needs in its environment.

    Example:
        >>> command_line(["augsearch", "check", "study.toml"])
        'augsearch check study.toml'
    """
    given = dict(variables or {})
    if not _ON_WINDOWS:
        settings = [f"{name}={shlex.quote(value)}" for name, value in given.items()]
        return " ".join([*settings, shlex.join(words)])
    # The two agree on double quotes alone, and set variables each in its own way.
    quoted = [word if _NEEDS_NO_QUOTES.fullmatch(word) else f'"{word}"' for word in words]
    settings = [f"{name} = {value}" for name, value in given.items()]
    return " ".join(
        quoted + ([f"(with {', '.join(settings)} in the environment)"] if given else [])
    )


_USER = re.compile(r"://(?:[^\s/@]*:\S*|[^\s/@]+)@")
_BARE_USER = re.compile(r"(?<![^\s'\"])[^\s/:@'\"]+:[^\s/]*@")
_SECRET_OPTION = re.compile(
    r"([?&][^\s=&]*(?:password|passwd|secret|token|key)[^\s=&]*=)[^\s&]+", re.IGNORECASE
)


def masked(text: str) -> str:
    """Return `text` with the user, password and secret options of every URL in it hidden.

    Where a password that was not encoded makes it doubtful how far it goes, more is hidden.

    Example:
        >>> masked("no answer from https://ann:secret@host/mlflow")
        'no answer from https://***@host/mlflow'
        >>> masked("postgresql://ann:p@ss/word@host/db?sslpassword=more")
        'postgresql://***@host/db?sslpassword=***'
    """
    without_user = _BARE_USER.sub("***@", _USER.sub("://***@", text))
    return _SECRET_OPTION.sub(r"\1***", without_user)


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey written out; line ends and tabs stay.

    Example:
        >>> len(printable(chr(27))), printable("no answer")
        (4, 'no answer')
    """
    return "".join(
        repr(letter)[1:-1]
        if letter not in "\n\t" and unicodedata.category(letter) in ("Cc", "Cf", "Cs")
        else letter
        for letter in text
    )


def has_password(url: str) -> bool:
    """Return whether a URL has a password or another secret in it; a user's name is none.

    Example:
        >>> has_password("https://ann:secret@host"), has_password("postgresql://ann@host/db")
        (True, False)
    """
    return bool(re.search(r"://[^\s/@]*:\S*@", url) or _SECRET_OPTION.search(url))
