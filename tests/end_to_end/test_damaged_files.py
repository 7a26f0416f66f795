"""Bits that a disk or a copy has changed: made again or refused by name, never a wrong number."""

import shutil

import pytest

REMADE = [
    "data/pixels.npy",
    "data/images.json",
    "source-acgan-fold0/generator.safetensors",
    "source-acgan-fold0/audit.json",
    "tuning/search/*.npy",
    "test/real-test.npy",
    "test/real-curve.json",
]
"""What a run reads again that was stopped right before its end."""


def change_a_bit(path):
    content = bytearray(path.read_bytes())
    content[2 * len(content) // 3] ^= 1
    path.write_bytes(content)


@pytest.fixture
def unfinished(tiny_run, call, tmp_path):
    """A copy of the tiny run that was stopped right before the end."""
    shutil.copytree(tiny_run[0].folder, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "runs" / "tiny"
    (run / "results.json").unlink()
    return run


def test_damaged_artifacts_are_made_again_with_the_same_numbers(
    unfinished, tiny_run, augsearch, call
):
    artifacts = unfinished / "artifacts"
    features = list(artifacts.glob("features/*.npy"))
    remade = [min(artifacts.glob(pattern), key=lambda path: path.name) for pattern in REMADE]
    before = {path: path.read_bytes() for path in [*features, *remade]}
    for path in before:
        change_a_bit(path)
    code, _, err = call("run", "tiny.toml", "--quiet")
    assert code == 0, err
    assert augsearch.numbers() == tiny_run[0].numbers()
    whole = {path for path, content in before.items() if path.read_bytes() == content}
    assert whole >= set(remade)
    assert whole & set(features)  # those that the lost trainings needed


@pytest.mark.parametrize("name", ["declaration.json", "study.json", "test_opened.json"])
def test_a_damaged_fact_is_refused_by_name(unfinished, call, name):
    change_a_bit(unfinished / name)
    code, out, err = call("run", "tiny.toml", "--quiet")
    assert (code, out) == (2, "")
    assert f"cannot read {unfinished / name}: " in err
    assert "Remove it to have it made again" in err
