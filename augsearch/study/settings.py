"""A table with some of its keys set to other values, for the tuning of settings; in words, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from augsearch.messages import show, unknown
from augsearch.study.lines import Problem, dotted
from augsearch.study.schema.classifier import ClassifierOptions
from augsearch.study.schema.study import StudyFile, classifier_keys
from augsearch.study.schema.tune import Range, Value
from augsearch.study.wording import explain

TableT = TypeVar("TableT", bound=BaseModel)

_NAMES = ("backbone", "network", "weights", "source")


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


def value_words(value: object) -> str:
    """Write a value of a setting.

    Example:
        >>> [value_words(value) for value in (True, 16, 0.00012345678, "adam")]
        ['true', '16', '0.000123457', 'adam']
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting_words(setting: Mapping[str, object]) -> str:
    """Write a setting.

    Example:
        >>> setting_words({"head.batch_size": 16, "head.learning_rate": 1e-3})
        'head.batch_size 16, head.learning_rate 0.001'
    """
    return ", ".join(f"{key} {value_words(value)}" for key, value in setting.items())


def tuned_tables(
    study: StudyFile,
) -> Iterator[tuple[str, Mapping[str, Value], ClassifierOptions]]:
    """Yield every arm's classifier with all combinations of the names that [tune] tries.

    Names go together or do not (a network and its weights), which no value alone can tell. What a
    table does not take at all is left out; `tune_problems` has it.
    """
    parameters = study.tune.parameters if study.tune else {}
    names = {
        key: values
        for key, values in parameters.items()
        if key in _NAMES and not isinstance(values, Range)
    }
    for where, table in _tables(study).items() if names else ():
        for combination in product(*names.values()):
            setting = dict(zip(names, combination, strict=True))
            try:
                tuned = with_settings(table, setting)
            except (KeyError, ValidationError):
                continue
            yield where, setting, tuned


def tune_problems(study: StudyFile) -> Iterator[Problem]:
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
    tables = study.classifier_tables
    return {
        f"[{dotted(classifier_keys(name))}]": tables[name]
        for name in study.used_classifiers
        if name in tables
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
