"""The two formats that others read and write, as JSON Schema (draft 2020-12)."""

from __future__ import annotations

from typing import Any

from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile

_DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def study_schema() -> dict[str, Any]:
    """Return the schema of a study file, for editors that check TOML while one types."""
    return _DRAFT | StudyFile.model_json_schema() | {"title": "augsearch study file"}


def results_schema() -> dict[str, Any]:
    """Return the schema of results.json."""
    schema = StudyResult.model_json_schema(mode="serialization")
    return _DRAFT | schema | {"title": "augsearch results"}
