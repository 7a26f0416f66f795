import json
import random
import re
import signal
import time
from types import SimpleNamespace

from augsearch.device import threads


def test_killed_at_random_moments_a_run_ends_with_the_same_numbers(tiny_run, augsearch):
    command, _ = tiny_run
    augsearch.write()
    moments = random.Random(5)
    kills = 0
    for sign in ("stage: data", "stage: sources", "stage: sources", "search: K", "stage: test"):
        process = augsearch.start("run", "tiny.toml")
        for line in process.stderr:
            if line.startswith(sign):
                time.sleep(moments.uniform(0, 0.8))
                process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    done = augsearch("run", "tiny.toml")
    assert done.returncode == 0, done.stderr
    assert kills >= 2
    assert augsearch.numbers() == command.numbers()


def test_a_run_goes_on_with_the_threads_that_it_began_with(tiny_run, augsearch, call):
    augsearch.write(augsearch.untracked)
    process = augsearch.start("run", "tiny.toml")
    for line in process.stderr:
        if line.startswith("stage: sources"):
            break
    process.kill()
    process.communicate()
    with threads(2):
        assert call("run", "tiny.toml")[0] == 0
    assert augsearch.numbers() == tiny_run[0].numbers()


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tiny_run, augsearch):
    augsearch.write(augsearch.untracked)
    process = augsearch.start("run", "tiny.toml")
    for line in process.stderr:
        if line.startswith("stage: sources"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on: augsearch run tiny.toml" in err
    assert "Traceback" not in err
    assert augsearch("run", "tiny.toml").returncode == 0
    assert augsearch.numbers() == tiny_run[0].numbers()


def test_a_second_process_is_told_who_holds_the_run(augsearch):
    augsearch.write(augsearch.untracked)
    first = augsearch.start("run", "tiny.toml")
    try:
        for line in first.stderr:
            if line.startswith("stage: sources"):
                break
        second = augsearch("run", "tiny.toml")
        assert second.returncode == 2
        assert f"in use by process {first.pid}" in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_max_hours_stops_in_time_and_the_same_command_goes_on(
    tiny_run, augsearch, call, monkeypatch
):
    def study(hours):
        augsearch.write(f"max_hours = {hours}\n{augsearch.untracked}")

    study(1e-6)
    code, out, err = call("run", "tiny.toml", "--quiet")
    assert (code, out) == (4, "")
    assert "max_hours = 1e-06 has passed, at stage: sources (10 of 40 iterations)" in err
    assert "real: no score yet" in err and "the same command goes on" in err
    # In the next call time is up as soon as the first arm's scores are there.
    scored = augsearch.folder / "runs" / "tiny" / "artifacts" / "tuning" / "real"
    clock = SimpleNamespace(monotonic=lambda: 7200.0 if scored.exists() else 0.0)
    monkeypatch.setattr("augsearch.controller.budget.time", clock)
    study(1)
    code, _, err = call("run", "tiny.toml", "--quiet")
    assert code == 4
    assert "at stage: search search. So far, on the tuning set (nothing was tested)" in err
    assert re.search(r"real: best 0\.\d+ at K = 1\n  search: no score yet\n", err)
    run = augsearch.folder / "runs" / "tiny"
    assert not (run / "results.json").exists() and not (run / "test_opened.json").exists()
    seconds = json.loads((run / "seconds.json").read_text())
    monkeypatch.undo()
    augsearch.write(augsearch.untracked)
    assert augsearch("run", "tiny.toml").returncode == 0
    assert augsearch.numbers() == tiny_run[0].numbers()
    assert augsearch.results()["seconds"]["sources"] >= seconds["sources"] > 0
