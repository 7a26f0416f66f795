import json
from typing import Any

import pytest

from augsearch.study.json_schema import results_schema, study_schema
from augsearch.study.results import StudyResult


@pytest.mark.parametrize("schema", [study_schema(), results_schema()])
def test_schemas_are_whole_and_plain_json(schema: dict[str, Any]) -> None:
    text = json.dumps(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"].startswith("augsearch ")
    references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert references <= schema["$defs"].keys()


def test_what_the_loader_fills_in_is_not_required() -> None:
    schema = study_schema()
    assert sorted(schema["required"]) == ["arms", "data"]
    assert schema["$defs"]["AcganOptions"]["required"] == ["kind"]
    assert schema["additionalProperties"] is False


def test_a_built_in_source_matches_one_alternative_only() -> None:
    kind = study_schema()["$defs"]["PluginOptions"]["properties"]["kind"]
    assert "acgan" in kind["not"]["enum"]


def test_settings_explain_themselves() -> None:
    size = study_schema()["$defs"]["Images"]["properties"]["size"]
    assert (size["minimum"], size["maximum"], size["default"]) == (8, 1024, 64)
    assert size["description"] == "Height and width in pixels."


def test_every_key_of_every_table_says_what_it_means() -> None:
    for table, schema in study_schema()["$defs"].items():
        for key, one in schema["properties"].items():
            assert one.keys() & {"description", "const"}, f"{table}.{key}"


def test_results_schema_names_what_results_hold() -> None:
    assert results_schema()["properties"].keys() == StudyResult.model_fields.keys()
