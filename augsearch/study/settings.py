"""A table with some of its keys set to other values, for the tuning of settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from augsearch.messages import show, unknown
from augsearch.study.lines import Location
from augsearch.study.schema.classifier import ClassifierOptions
from augsearch.study.schema.study import StudyFile
from augsearch.study.schema.tune import Range, Value
from augsearch.study.wording import explain

TableT = TypeVar("TableT", bound=BaseModel)


def with_settings(table: TableT, settings: Mapping[str, Value]) -> TableT:
    """Return a copy of `table` with dotted keys ("head.batch_size") set, checked as in a file.

    Raises:
        KeyError: The table has no such key.
        pydantic.ValidationError: A value breaks the rule of its key.
    """
    content = table.model_dump()
    for key, value in settings.items():
        *way, last = key.split(".")
        here: Any = content
        for step in way:
            here = here[step]
        if not isinstance(here, dict) or last not in here:
            raise KeyError(key)
        here[last] = value
    return type(table).model_validate(content)


def tune_problems(study: StudyFile) -> Iterator[tuple[Location, str]]:
    """Yield keys and values of [tune] that do not fit the classifier of every arm."""
    if study.tune is None:
        return
    for where, table in _tables(study).items():
        for key, values in study.tune.parameters.items():
            tried = (values.low, values.high) if isinstance(values, Range) else values
            problems = (_problem(where, table, key, value) for value in tried)
            problem = next((one for one in problems if one is not None), None)
            if problem is not None:
                yield ("tune", "parameters", key), problem


def _tables(study: StudyFile) -> dict[str, ClassifierOptions]:
    """Return the classifiers that arms use, by what their tables are called in the file."""
    named = dict.fromkeys(arm.classifier for arm in study.arms.values())
    own = {"[classifier]": study.classifier} if None in named else {}
    return own | {
        f"[classifiers.{name}]": study.classifiers[name]
        for name in named
        if name in study.classifiers
    }


def _problem(where: str, table: ClassifierOptions, key: str, value: Value) -> str | None:
    keys = list(_settings(table.model_dump()))
    if key not in keys:
        return f"must be a setting of {where} ({', '.join(keys)}) {unknown(key, keys)}"
    try:
        with_settings(table, {key: value})
    except ValidationError as error:
        entry = error.errors()[0]
        _, message = explain(entry | {"loc": ("classifier", table.kind, *entry["loc"])})
        return f"{where} does not take {show(value)}: {message}"
    return None


def _settings(content: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the dotted keys of a table, without those that decide which keys there are."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{before}{key}.")
        elif key not in ("kind", "preset"):
            yield before + key
