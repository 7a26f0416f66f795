"""Reading a study file: every problem in it at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from augsearch.errors import StudyFileError
from augsearch.reading import read_whole
from augsearch.study.lines import Location, Problem, dotted, key_lines, line_of, longest_key
from augsearch.study.rules.consistency import find_problems
from augsearch.study.schema.study import StudyFile
from augsearch.study.wording import explain

_Entry = TypeVar("_Entry")

_DEEPEST = 50
_LARGEST = 2**20
_MOST_PROBLEMS = 50
"""Of a file that is wrong from end to end, so many are looked into."""


def load_study_file(path: Path, folder: Path | None = None) -> StudyFile:
    """Read and check a study file.

    Args:
        path: The file.
        folder: Where paths in it start; default: the file's own folder.

    Raises:
        StudyFileError: The file cannot be read, is no TOML, or breaks rules; all of these are in
            the one error, with their lines.
    """
    text = _read(path)
    if longest_key(text) > _DEEPEST:  # which takes tomllib minutes, so it is looked at before
        raise _too_deep(path)
    document = _parse(path, text)
    lines = key_lines(text)
    if any(len(location) > _DEEPEST for location in lines):
        raise _too_deep(path)
    try:
        study = StudyFile.model_validate(
            {"name": path.stem} | document, context={"folder": folder or path.parent}
        )
    except ValidationError as error:
        entries = [entry for entry in error.errors() if not _is_echo(entry)]
        raise _failure(path, lines, entries, explain) from None
    problems = find_problems(study)
    if problems:
        raise _failure(path, lines, problems, lambda problem: problem)
    return study


def _too_deep(path: Path) -> StudyFileError:
    return StudyFileError(path, [(0, "", f"tables must be nested at most {_DEEPEST} deep")])


def study_name(path: Path) -> str:
    """Return the name of a study without looking at what else it says.

    Raises:
        StudyFileError: The file cannot be read or is no TOML.
    """
    return str(_parse(path, _read(path)).get("name", path.stem))


def _is_echo(error: Mapping[str, Any]) -> bool:
    """Tell whether a list is called too short only because what is in it is wrong."""
    if error["type"] != "too_short":
        return False
    return len(error["input"]) >= int(error["ctx"]["min_length"])


def _failure(
    path: Path,
    lines: Mapping[Location, int],
    entries: Sequence[_Entry],
    explained: Callable[[_Entry], Problem],
) -> StudyFileError:
    """Put the problems in the order of the file, as many as anybody reads."""
    placed = []
    for location, message in map(explained, entries[:_MOST_PROBLEMS]):
        if location == ("name",) and location not in lines:
            message += ' (from the file\'s name); set name = "..." in the file'
        placed.append((line_of(lines, location), dotted(location), message))
    placed.sort(key=lambda problem: problem[0])
    if len(entries) > _MOST_PROBLEMS:
        placed.append((0, "", f"and {len(entries) - _MOST_PROBLEMS} more"))
    return StudyFileError(path, placed)


def _read(path: Path) -> str:
    try:
        content = read_whole(path, _LARGEST)
    except FileNotFoundError:
        message = "study file must exist but there is none; `augsearch init FOLDER` writes one"
        raise StudyFileError(path, [(0, "", message)]) from None
    except IsADirectoryError:
        message = "must be a study file but is a folder; name the .toml file in it"
        raise StudyFileError(path, [(0, "", message)]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyFileError(path, [(0, "", f"cannot be read: {reason}")]) from None
    if content.startswith(b"\xef\xbb\xbf"):
        message = "must be UTF-8 without a byte order mark; save it again as plain UTF-8"
        raise StudyFileError(path, [(1, "", message)])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        message = f"must be UTF-8 text but has the byte {byte}; save it again as plain UTF-8"
        raise StudyFileError(path, [(line, "", message)]) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        reason = re.sub(r" \(at [^()]*\)$", "", str(error))
        line = int(place[1]) if place else text.rstrip().count("\n") + 1
        where = f"column {place[2]}" if place else "the end of the file"
        message = f"not valid TOML: {reason[0].lower()}{reason[1:]}, at {where}"
        if "\\" in reason:  # of a path or a regular expression, in double quotes
            message += "; put text with a \\ into single quotes, 'like this'"
        raise StudyFileError(path, [(line, "", message)]) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list 2,000 deep
        message = "a number is too long" if isinstance(error, ValueError) else "nested too deep"
        raise StudyFileError(path, [(0, "", f"not a sensible study file: {message}")]) from None
