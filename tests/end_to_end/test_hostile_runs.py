"""Finished runs and readers' answers as they may be handed on: changed, torn, with links."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from hostile.arena import Arena
from hostile.kinds import KINDS

EXAMPLES = {"reader answers": 25, "run: lab --from": 12, "run: report of two": 12}
EXAMPLES |= {"run: reader make": 15, "run: report": 2, "run: export": 2, "run: sync": 5}
EXAMPLES |= {"places": 10, "MLflow address": 12}


@pytest.fixture(scope="module")
def run(tiny_run):
    command, _ = tiny_run
    done = command("reader", "make", "runs/tiny")
    assert done.returncode == 0, done.stderr
    return command.folder / "runs" / "tiny"


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    folder, before = Path.cwd(), tempfile.tempdir
    yield Arena(tmp_path_factory.mktemp("arena"))
    os.chdir(folder)
    tempfile.tempdir = before


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_used_or_refused(name, run, arena):
    kind = KINDS[name]
    kind.prepare(run)
    arena.judge(kind.first, kind.act, run)  # loads what would be laid to the first case's charge

    @settings(
        max_examples=EXAMPLES[name],
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # looking for the smallest case of a failure takes minutes
    )
    @given(kind.strategy(run, bulk=False))
    def check(case):
        outcome = arena.judge(case, kind.act, run)
        assert outcome.good, outcome

    check()


def test_the_command_line_says_one_thing(augsearch, run, tmp_path):
    """The real commands on hostile files: exit code 2, one message, no traceback."""
    shutil.copytree(run, tmp_path / "run")
    outside = tmp_path / "outside"
    outside.mkdir()
    results = json.loads((run / "results.json").read_text())
    results["arms"]["../../../outside/x"] = results["arms"]["search"]
    (tmp_path / "run" / "results.json").write_text(json.dumps(results))
    refused(augsearch("report", "run"), "must hold a result as this version")
    shutil.copy(run / "results.json", tmp_path / "run" / "results.json")
    shutil.rmtree(tmp_path / "run" / "figures")
    (tmp_path / "run" / "figures").symlink_to(outside)
    for command in (("report", "run"), ("lab", "--from", "run"), ("reader", "make", "run")):
        refused(augsearch(*command), "links that lead out of it")
    (tmp_path / "run" / "figures").unlink()
    (tmp_path / "run" / "outbox.jsonl").unlink()
    os.mkfifo(tmp_path / "run" / "outbox.jsonl")
    refused(augsearch("sync", "run"), "pipes or devices")
    (tmp_path / "loop").symlink_to("loop")
    for command in (("sync", "loop"), ("export", "loop", "--what", "images"), ("init", "loop")):
        refused(augsearch(*command), "loop")
    (tmp_path / "study.toml").symlink_to("/dev/zero")
    refused(augsearch("check", "study.toml"), "a device or a pipe")
    assert list(outside.iterdir()) == []


def refused(done, words):
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("augsearch: ")
