import json
from collections.abc import Callable
from pathlib import Path

from augsearch.study.compare import differences, flatten
from augsearch.study.loading import load_study_file
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]


def test_flatten_holds_every_setting_as_json(load: Load, valid: str) -> None:
    flat = flatten(load(valid + "[[arms.fix.add]]\nsource = 'classic'\nmultiple = 2\n"))
    assert flat["seed"] == "3"
    assert flat["data.kind"] == '"demo"'
    assert flat["external"] == "null"
    assert flat["sources.acgan.betas"] == "[0.0, 0.99]"
    assert flat["arms.fix.add.0.multiple"] == "2.0"
    assert flat["arms.real.add"] == "[]"
    assert all(json.loads(value) != {"not": "json"} for value in flat.values())


def test_no_difference_to_itself_through_a_file(load: Load, valid: str) -> None:
    study = load(valid)
    assert differences(json.loads(json.dumps(study.model_dump(mode="json"))), study) == []


def test_differences_name_key_old_and_new(load: Load, valid: str) -> None:
    old = load(valid).model_dump(mode="json")
    changed = valid.replace('kind = "acgan"', 'kind = "acgan"\niterations = 3000')
    changed = changed.replace("[arms.real]", "[arms.plain]").replace("seed = 3", "seed = 4")
    lines = differences(old, load(changed + "[tracking]\nenabled = false\n"))
    assert lines[:2] == ["seed: 3 -> 4", "sources.acgan.iterations: 2000 -> 3000"]
    assert "arms.real.base: null -> (not there)" in lines
    assert "arms.plain.base: (not there) -> null" in lines
    assert not any("tracking" in line for line in lines)


def test_a_path_counts_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "deeper").mkdir()
    text = "data = {{ kind = 'folder', path = '{}' }}\nname = 's'\narms.real = {{}}"
    (tmp_path / "s.toml").write_text(text.format("images"))
    (tmp_path / "deeper" / "s.toml").write_text(text.format("../images"))
    here = load_study_file(tmp_path / "s.toml")
    moved = load_study_file(tmp_path / "deeper" / "s.toml")
    assert differences(here.model_dump(mode="json"), moved) == []
    (tmp_path / "deeper" / "s.toml").write_text(text.format("."))
    other = load_study_file(tmp_path / "deeper" / "s.toml")
    assert differences(here.model_dump(mode="json"), other) == [
        f'data.path: "{tmp_path / "images"}" -> "{tmp_path / "deeper"}"'
    ]


def test_the_order_counts_where_it_decides_something(load: Load) -> None:
    text = """
    [data]
    kind = "csv"
    path = "study.toml"
    label_column = "found"
    contains = {%s}
    [arms.%s]
    [arms.%s]
    """
    old = load(text % ('No = "no", Yes = "yes"', "real", "plain")).model_dump(mode="json")
    same = load(text % ('No = "no", Yes = "yes"', "real", "plain") + "[arms.third]\n")
    assert not any("order" in line for line in differences(old, same))
    swapped = load(text % ('Yes = "yes", No = "no"', "plain", "real"))
    assert differences(old, swapped) == [
        'order of arms: ["real", "plain"] -> ["plain", "real"]',
        'order of data.contains: ["No", "Yes"] -> ["Yes", "No"]',
    ]
