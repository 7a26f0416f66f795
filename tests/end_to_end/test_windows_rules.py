"""Commands on a file system with the rules of Windows, of which `windows_rules.py` knows a few."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = """\
seed = 7
device = "cpu"

[images]
size = 16

[data]
kind = "folder"
path = "images"
group_pattern = '^([^_]+)_'

[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 10
checkpoint_every = 5

[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}

[arms.real]
[arms.twice]
add = [{source = "acgan", multiple = 2}]
[arms.search]
search = {source = "acgan", window = 1, max_multiple = 2}

[evaluation]
test_replicates = 2
controls = true
"""


@pytest.fixture
def under_windows_rules(tmp_path):
    """Run commands -> (their exit codes, standard error, what was refused)."""
    if not Path("/proc/self/maps").exists():
        pytest.skip("only Linux says which files are mapped")

    def run(*commands):
        script, refusals = Path(__file__).with_name("windows_rules.py"), tmp_path / "refusals"
        done = subprocess.run(
            [sys.executable, "-X", "warn_default_encoding", script, refusals, json.dumps(commands)],
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
            capture_output=True,
            text=True,
            timeout=300,
        )
        codes = json.loads(done.stdout.splitlines()[-1])
        return codes, done.stderr, refusals.read_text(encoding="utf-8").splitlines()

    (tmp_path / "temporary").mkdir()
    return run


@pytest.fixture
def study(tmp_path, save_image):
    for label, grey in (("läsion", 150), ("clear", 90)):
        for number in range(20):
            path = tmp_path / "images" / label / f"{number // 2}_{number}.png"
            save_image(path, number + grey, grey)
    path = tmp_path / "small.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_a_study_from_check_to_export(study, tmp_path, under_windows_rules):
    (tmp_path / "given").mkdir()
    run = str(tmp_path / "runs" / "small")
    codes, said, refused = under_windows_rules(
        ["check", str(study)],
        ["run", str(study)],
        ["report", run],
        ["export", run, "--what", "images", "--arm", "twice", "--out", str(tmp_path / "given")],
        ["export", run, "--what", "features", "--arm", "search", "--track"],
        ["reader", "make", run],
        ["sync", run],
    )
    assert codes == [0] * 7, said
    assert not refused
    assert "MLflow" not in said
    assert not list((tmp_path / "temporary").glob("augsearch-*"))


def test_a_study_that_cannot_be_run(study, tmp_path, under_windows_rules):
    for path in sorted((tmp_path / "images" / "clear").iterdir())[2:]:
        path.unlink()
    codes, said, refused = under_windows_rules(["check", str(study)], ["run", str(study)])
    assert codes == [2, 2]
    assert said.count("class 'clear' has 2 images") == 2
    lock = tmp_path / "runs" / "small" / "run.lock"  # held while the run is taken back
    assert refused == [f"removed while open: {lock}"]
    assert [path for path in (tmp_path / "runs").rglob("*") if path.is_file()] == [lock]
    assert not list((tmp_path / "temporary").glob("augsearch-*"))
