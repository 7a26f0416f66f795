"""A Sphinx extension: the directive `study-keys` lists every key of a study file.

It reads the JSON Schema that `augsearch schema study` prints, so that the page cannot differ from
what a study file may say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from augsearch.study.json_schema import study_schema

Schema = Mapping[str, Any]
TELLING = ("kind", "rule", "method", "step")
"""The key that says which of several tables is meant."""
WORDS = {"boolean": "true or false", "integer": "whole number", "string": "text", "null": ""}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
LARGEST = 1_000_000_000
"""A bound beyond it is of no interest to a reader."""


def study_keys() -> str:
    """Return every table of a study file with its keys, as Markdown."""
    schema = study_schema()
    definitions = schema["$defs"]
    plain = {key: one for key, one in schema["properties"].items() if not tables_of(one)}
    parts = ["## Before all tables", table(plain, schema.get("required", ()))]
    told: set[str] = set()
    for key, one in schema["properties"].items():
        name = f"{key}.NAME" if "patternProperties" in one else key
        parts += _sections(f"[{name}]", one, definitions, told)
    return "\n\n".join(parts)


def _sections(
    place: str, schema: Schema, definitions: Mapping[str, Schema], told: set[str]
) -> Iterator[str]:
    """Yield a section for each table that a value may be, and for those in it, once each."""
    for name in tables_of(schema):
        if name in told:
            continue
        told.add(name)
        one = definitions[name]
        keys = {key: value for key, value in one["properties"].items() if not _says(key, value)}
        heading = f"## `{place}`"
        if choice := next((key for key in TELLING if _says(key, one["properties"].get(key))), None):
            heading += f" with {choice} `{one['properties'][choice]['const']}`"
        yield heading
        yield markdown(one.get("description", ""))
        if keys:
            yield table(keys, one.get("required", ()), preset="preset" in keys)
        for key, value in keys.items():
            yield from _sections(f"{place} {key}", value, definitions, told)


def _says(key: str, value: Schema | None) -> bool:
    return key in TELLING and value is not None and "const" in value


def tables_of(schema: Schema) -> list[str]:
    """Return the names of the tables that a value, or what is in it, may be."""
    found = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += schema.get("patternProperties", {}).values()
    inner += [schema[key] for key in ("items", "additionalProperties") if schema.get(key)]
    return found + [name for one in inner if one is not True for name in tables_of(one)]


def table(keys: Mapping[str, Schema], required: tuple[str, ...], preset: bool = False) -> str:
    """Return a Markdown table of keys: what may stand there, what it means, its default."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, schema in keys.items():
        default = "must be given" if key in required else "from the preset" if preset else "-"
        if "default" in schema:
            default = _default(schema["default"])
        cells = (f"`{key}`", value(schema), default, markdown(schema.get("description", "")))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def value(schema: Schema) -> str:
    """Say in words what may stand for a value."""
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema:
        return "table"
    if several := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        return " or ".join(dict.fromkeys(filter(None, map(value, several))))
    if schema.get("type") == "array":
        inner = value(schema["items"]) if schema.get("items") else "values"
        return f"list of {inner}" if "prefixItems" not in schema else "two values"
    if schema.get("type") == "object":
        return "table"
    bounds = [
        f"{sign} {schema[bound]:g}"
        for bound, sign in BOUNDS.items()
        if bound in schema and abs(schema[bound]) < LARGEST
    ]
    kind = str(schema.get("type", "value"))
    return " ".join([WORDS.get(kind, kind), ", ".join(bounds)]).strip()


def _default(given: object) -> str:
    if given is None or given in ({}, []) or isinstance(given, dict):
        return "-"
    if isinstance(given, bool):
        return f"`{str(given).lower()}`"
    return f"`{given}`"


def markdown(text: str) -> str:
    """Return a docstring as one line, with its code as Markdown writes it."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).replace("<", "&lt;").strip()


class StudyKeys(SphinxDirective):
    """Puts the tables in the directive's place."""

    def run(self) -> list[nodes.Node]:
        """Parse the tables as the page they stand in is parsed."""
        nodes_made: list[nodes.Node] = self.parse_text_to_nodes(
            study_keys(), allow_section_headings=True
        )
        return nodes_made


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("study-keys", StudyKeys)
    return {"parallel_read_safe": True}
