"""Reading a study file: every problem in it at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from augsearch.errors import StudyFileError
from augsearch.study.consistency import find_problems
from augsearch.study.lines import Location, dotted, key_lines, line_of
from augsearch.study.schema.study import StudyFile
from augsearch.study.wording import explain

_DEEPEST = 50


def load_study_file(path: Path) -> StudyFile:
    """Read and check a study file; paths in it start at its folder.

    Raises:
        StudyFileError: The file cannot be read, is no TOML, or breaks rules; all of these are in
            the one error, with their lines.
    """
    text = _read(path)
    document = _parse(path, text)
    lines = key_lines(text)
    if any(len(location) > _DEEPEST for location in lines):
        raise StudyFileError(path, [(0, "", f"tables must be nested at most {_DEEPEST} deep")])
    try:
        study = StudyFile.model_validate(
            {"name": path.stem} | document, context={"folder": path.parent}
        )
    except ValidationError as error:
        entries = [entry for entry in error.errors() if not _is_echo(entry)]
        raise _failure(path, lines, [explain(entry) for entry in entries]) from None
    problems = find_problems(study)
    if problems:
        raise _failure(path, lines, problems)
    return study


def _is_echo(error: Mapping[str, Any]) -> bool:
    """Tell whether a list is called too short only because what is in it is wrong."""
    if error["type"] != "too_short":
        return False
    return len(error["input"]) >= int(error["ctx"]["min_length"])


def _failure(
    path: Path, lines: Mapping[Location, int], problems: list[tuple[Location, str]]
) -> StudyFileError:
    """Put the problems in the order of the file."""
    placed = []
    for location, message in problems:
        if location == ("name",) and location not in lines:
            message += ' (from the file\'s name); set name = "..." in the file'
        placed.append((line_of(lines, location), dotted(location), message))
    return StudyFileError(path, sorted(placed, key=lambda problem: problem[0]))


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
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
        raise StudyFileError(path, [(line, "", message)]) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list 2,000 deep
        message = "a number is too long" if isinstance(error, ValueError) else "nested too deep"
        raise StudyFileError(path, [(0, "", f"not a sensible study file: {message}")]) from None
