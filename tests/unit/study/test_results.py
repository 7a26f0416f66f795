import json

import pytest
from pydantic import ValidationError

from augsearch.study.json_schema import results_schema
from augsearch.study.results import ArmResult, StudyResult

ARM = {
    "multiple": 1.0,
    "n_train": 24,
    "score": 0.5,
    "stopped_at": None,
    "reason": None,
    "history": [],
    "test": {},
    "external": None,
    "gain": None,
}


def test_a_setting_keeps_the_types_of_its_values() -> None:
    setting = {"head.batch_size": 1, "head.decay": 1.0, "options.deep": True, "weights": "1"}
    text = ArmResult.model_validate(ARM | {"setting": setting}).model_dump_json()
    read = ArmResult.model_validate(json.loads(text)).setting
    assert read is not None
    assert read == setting
    assert list(map(type, read.values())) == [int, float, bool, str]


def test_results_from_before_there_were_settings_are_read() -> None:
    assert ArmResult.model_validate(ARM).setting is None
    assert "setting" not in results_schema()["$defs"]["ArmResult"]["required"]


def test_results_from_before_there_was_smoothing_are_read() -> None:
    assert ArmResult.model_validate(ARM).smoothed is None
    schema = results_schema()["$defs"]
    assert "smoothed" not in schema["ArmResult"]["required"]
    described = schema["SmoothedChoice"]["properties"]
    assert all("description" in described[key] for key in ("mean", "sd", "noise"))


def test_a_setting_is_no_table() -> None:
    with pytest.raises(ValidationError):
        ArmResult.model_validate(ARM | {"setting": {"head": {"epochs": 1}}})


@pytest.mark.parametrize("name", ["../../x", "/x", "", "a/b", "x (repeat control)/..", "a\n"])
def test_an_arm_is_called_as_a_file_may_be(name: str) -> None:
    """Figures and tables are files named after arms."""
    result = {"study": "s", "baseline": "real", "verdict": None, "seconds": {}}
    StudyResult.model_validate(result | {"arms": {"real": ARM, "x (repeat control)": ARM}})
    with pytest.raises(ValidationError, match="pattern"):
        StudyResult.model_validate(result | {"arms": {name: ARM}})
