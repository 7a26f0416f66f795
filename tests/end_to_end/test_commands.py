import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from augsearch.study.json_schema import results_schema, study_schema

DEMO = """\
[images]
size = 16

[data]
kind = "demo"
train = 24
tune = 24
test = 30

[split]
method = "given"

[classifier]
backbone = "resnet18"
weights = "random"

[sources.acgan]
kind = "acgan"
generator_filters = [8]
discriminator_filters = [8]
iterations = 700

[arms.real]

[arms.gan]
search = {source = "acgan", window = 2, start = 1.5, step = 0.5, max_multiple = 2}
"""


def test_check_gives_json(call, tmp_path):
    (tmp_path / "demo.toml").write_text(DEMO)
    code, out, err = call("check", "demo.toml", "--json", "--quiet")
    report = json.loads(out)
    assert code == 0
    assert sum(images for _, _, images, _ in report["parts"]) == 24 + 24 + 30
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert [f"warning: {message}" for message in report["warnings"]] == err.splitlines()
    plan = {(work["stage"], work["what"]): work["amount"] for work in report["plan"]}
    assert list(plan.items()) == [
        (("data", "reading"), 24 + 24 + 30),
        (("sources", "source acgan"), 700),
        # 200 of each class, more than the search needs; it trains twice
        (("audit", "images of acgan"), 2 * 200),
        (("audit", "classifier: features"), 24 + 24 + 2 * 200),
        (("audit", "classifier: heads"), 2),
        (("search", "classifier: heads"), 3),  # real, 1.5, 2 once
        (("test", "images of acgan"), 5 * 24),
        (("test", "classifier: features"), 30 + 5 * 24),
        (("test", "classifier: heads"), 2 * 5),
    ]
    assert all(0 < work["seconds"] < 3600 for work in report["plan"])
    assert [path.name for path in tmp_path.iterdir()] == ["demo.toml"]


def test_the_next_check_needs_no_torch(call, tmp_path):
    demo = DEMO.replace("size = 16", "size = 20")  # which nothing else has measured
    (tmp_path / "demo.toml").write_text(demo)
    assert "as this machine was measured at" not in call("check", "demo.toml", "--quiet")[1]
    (tmp_path / "longer.toml").write_text(demo.replace("700", "1400"))
    again = (
        "import sys\nfrom augsearch.cli import main\nsys.argv[1:] = ['check', 'longer.toml']\n"
        "try: main()\nfinally: print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", again], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *_, measured, loaded = done.stdout.splitlines()
    assert "1,400 iterations" in done.stdout
    assert measured.startswith("as this machine was measured at")
    assert loaded == "False"


def test_init_writes_a_study_that_check_accepts(call, save_image, tmp_path):
    for number in range(24):
        save_image(tmp_path / "my scans" / ("ill", "well")[number % 2] / f"{number}.png", number)
    code, out, _ = call("init", "my scans")
    assert (code, out) == (0, "wrote my-scans.toml; next: augsearch check my-scans.toml\n")
    study = tmp_path / "my-scans.toml"
    offline = study.read_text().replace("densenet121", "resnet18").replace('"imagenet"', '"random"')
    study.write_text(offline)
    code, out, err = call("check", "my-scans.toml", "--json")
    assert code == 0, err
    assert {(part, name) for part, name, _, _ in json.loads(out)["parts"]} == {
        (part, name) for part in ("train", "tune", "test") for name in ("ill", "well")
    }
    code, _, err = call("init", "my scans")
    assert (code, study.read_text()) == (2, offline)
    assert "my-scans.toml exists already; add --force" in err
    assert call("init", "my scans", "--force")[0] == 0
    assert study.read_text() != offline


def test_init_without_images(call, tmp_path):
    code, _, err = call("init", "nowhere")
    assert code == 2
    assert "nowhere" in err
    assert list(tmp_path.iterdir()) == []


def accepts(schema, value, whole):
    """Whether a value fits the part of JSON Schema that pydantic writes for results.json."""
    if "$ref" in schema:
        return accepts(whole["$defs"][schema["$ref"].rpartition("/")[2]], value, whole)
    if "anyOf" in schema:
        return any(accepts(one, value, whole) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kinds = {
        "string": str, "number": int | float, "integer": int, "null": type(None),
        "array": list, "object": dict,
    }  # fmt: skip
    if not isinstance(value, kinds[schema["type"]]):
        return False
    if schema["type"] == "array":
        return all(accepts(schema["items"], one, whole) for one in value)
    if schema["type"] == "object":
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties", {"anyOf": []})
        patterns = schema.get("patternProperties", {})
        named = {
            key: next((one for pattern, one in patterns.items() if re.search(pattern, key)), rest)
            for key in value
        }
        return set(schema.get("required", [])) <= value.keys() and all(
            accepts(properties.get(key, named[key]), one, whole) for key, one in value.items()
        )
    return True


def test_the_schema_of_results_describes_a_real_result(call, tiny_run):
    code, out, _ = call("schema", "results")
    schema = json.loads(out)
    assert (code, schema) == (0, results_schema())
    results = tiny_run[0].results()
    assert accepts(schema, results, schema)
    for spoilt in (
        results | {"schema_version": 2},
        results | {"arms": {"real": results["arms"]["real"] | {"n_train": "24"}}},
        {key: value for key, value in results.items() if key != "verdict"},
        results | {"more": 1},
    ):
        assert not accepts(schema, spoilt, schema)


def test_the_schema_of_studies_is_printed(call):
    code, out, _ = call("schema", "study")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(study_schema())))
    assert call("schema", "reports")[0] == 2


def test_sync_of_a_finished_run_has_nothing_left_to_send(call, tiny_run):
    run = tiny_run[0].folder / "runs" / "tiny"
    total = len((run / "outbox.jsonl").read_text().splitlines()) - 1  # but for the address
    code, out, err = call("sync", run)
    assert (code, err) == (0, "")
    uri = f"sqlite:///{run.parent / 'mlflow.db'}"
    assert out == f"0 entries sent to {uri}; {total} there in all\n"


def test_sync_of_something_else(call, tmp_path):
    code, out, err = call("sync", ".")
    assert (code, out) == (2, "")
    assert f"augsearch: {tmp_path} must be a run directory" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["init"], ["schema"], ["sync"]])
def test_help(call, command):
    code, out, err = call(*command, "--help")
    assert (code, err) == (0, "")
    assert " ".join(["Usage: augsearch", *command]) in out


def test_the_version_is_that_of_the_installed_package(call):
    assert call("--version") == (0, f"augsearch {importlib.metadata.version('augsearch')}\n", "")


def test_the_module_is_the_command():
    script = str(Path(sys.executable).with_name("augsearch"))
    outputs = [
        subprocess.run([*start, "schema", "results"], capture_output=True, text=True, check=True)
        for start in ([script], [sys.executable, "-m", "augsearch"])
    ]
    assert outputs[0].stdout == outputs[1].stdout == json.dumps(results_schema(), indent=2) + "\n"
