"""From pydantic's errors to sentences for the person who wrote the study file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from augsearch.messages import hint, show
from augsearch.study.lines import Location, Problem
from augsearch.study.schema.data import DATA_KINDS
from augsearch.study.schema.sources import FUNCTION_PATTERN
from augsearch.study.schema.study import StudyFile
from augsearch.study.schema.tables import NAME_PATTERN, ONE_OF

_MISSING: dict[Location, str] = {
    ("data",): f"is missing; add a table [data] with kind = one of {', '.join(DATA_KINDS)}",
    ("arms",): "must have at least one arm; add the table [arms.real]",
}
_NAME_RULE = "must begin with a letter or digit and go on with letters, digits, '.', '_' and '-'"
_PATTERNS: dict[str, str] = {
    NAME_PATTERN: _NAME_RULE,
    FUNCTION_PATTERN: "must be of the form 'package.module:function'",
}
_RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda context: f"must be at least {_limit(context['ge'])}",
    "greater_than": lambda context: f"must be greater than {_limit(context['gt'])}",
    "less_than_equal": lambda context: f"must be at most {_limit(context['le'])}",
    "less_than": lambda context: f"must be less than {_limit(context['lt'])}",
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: 'must be text in quotes, "like this",',
    "path_type": lambda _: 'must be a path in quotes, "like this",',
    "tuple_type": lambda _: "must be a list, [like, this],",
    "dict_type": lambda _: "must be a table",
    "model_type": lambda _: "must be a table",
    "model_attributes_type": lambda _: "must be a table",
    "unknown_choice": lambda _: "must be a table",
    "too_short": lambda context: f"must have at least {_entries(context['min_length'])}",
    "too_long": lambda context: f"must have at most {_entries(context['max_length'])}",
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "string_pattern_mismatch": lambda context: _PATTERNS[context["pattern"]],
}


def explain(error: Mapping[str, Any]) -> Problem:
    """Return the location in the document and the message of one pydantic error.

    Args:
        error: One of ``ValidationError.errors()`` of a `StudyFile`.
    """
    location, keys = _follow(error["loc"])
    context = error.get("ctx", {})
    kind, value = error["type"], error["input"]
    if error["loc"][-1:] == ("[key]",):
        return location, _bad_name(value)
    if kind == "extra_forbidden":
        others = f"; the keys here are {', '.join(keys)}"
        return location, f"unknown key{hint(location[-1], keys) or others}"
    if kind == "missing" or (location == ("arms",) and kind == "too_short"):
        return location, _MISSING.get(location, "is missing")
    if kind == "unknown_choice" and isinstance(value, dict):
        key, known = error["msg"].split(ONE_OF)
        return (*location, key), _choice(value.get(key), known.split(", "))
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'|(\d+)", context["expected"])
        return location, _choice(value, [word or number for word, number in known])
    if kind == "rule":
        known = context["known"].split(", ")
        return location, f"{context['rule']} but got {show(value)}{hint(value, known)}"
    if kind == "value_error":
        return location, str(context["error"])
    rule = _RULES[kind](context) if kind in _RULES else "must be a value that this key takes"
    return location, f"{rule} but got {show(value)}{_hint(kind, value)}"


def _limit(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _entries(n: int) -> str:
    return "1 entry" if n == 1 else f"{n} entries"


def _bad_name(value: Any) -> str:
    if len(value) > 100:
        return f"a name must have at most 100 characters but got {len(value)}"
    return f"a name {_NAME_RULE} but got {show(value)}"


def _hint(kind: str, value: Any) -> str:
    if kind in ("int_type", "float_type", "bool_type") and isinstance(value, str):
        return "; write it without quotes"
    return ""


def _choice(value: Any, known: Iterable[str]) -> str:
    known = list(known)
    rule = f"must be one of {', '.join(known)}"
    if value is None:
        return f"is missing; it {rule}"
    remedy = "; write it without quotes" if value in known else hint(value, known)
    return f"{rule} but got {show(value)}{remedy}"


def _follow(location: Location) -> tuple[Location, list[str]]:
    """Walk a pydantic location through the schema.

    Returns:
        The location without what is no key of the document (the tags of unions), and the keys
        that the innermost table knows.
    """
    here: Any = StudyFile
    path: Location = ()
    known: list[str] = []
    for step in location:
        here, is_tag = _plain(here), False
        if get_origin(here) in (Union, UnionType):
            here, is_tag = _member(here, step), True
        elif isinstance(here, type) and issubclass(here, BaseModel):
            known = list(here.model_fields)
            field = here.model_fields.get(str(step))
            here = field.annotation if field else None
        elif get_origin(here) in (dict, tuple):
            is_tag = step == "[key]"
            here = get_args(here)[-1 if get_origin(here) is dict else 0]
        if not is_tag:
            path = (*path, step)
    return path, known


def _plain(annotation: Any) -> Any:
    """Strip ``Annotated[...]`` and ``... | None``."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        if len(members) == 1:
            return _plain(members[0])
    return annotation


def _member(union: Any, tag: int | str) -> Any:
    """Return the member of a tagged union by its Tag."""
    for member in get_args(union):
        if tag in [mark.tag for mark in get_args(member)[1:] if isinstance(mark, Tag)]:
            return member
    return None
