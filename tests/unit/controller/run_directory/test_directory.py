import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.errors import DataError, StorageError
from augsearch.events import (
    Advanced,
    Disturbed,
    PictureMade,
    SettingTried,
    StageStarted,
    TrialCompleted,
    Warned,
    silent,
)
from augsearch.files import write_json
from augsearch.records import Evaluation
from augsearch.study.results import StudyResult


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "runs" / "tiny"
    path.mkdir(parents=True)
    return RunDirectory(path)


def test_only_the_first_value_is_remembered(run):
    assert run.remember("data", {"images": 3}) == {"images": 3}
    assert run.remember("data", {"images": 4}) == {"images": 3}
    assert RunDirectory(run.path).remember("data", None) == {"images": 3}


def test_times_add_up_over_processes_and_failures(run):
    write_json(run.path / "seconds.json", {"search": 100.0, "data": 1.5})
    with RunDirectory(run.path).stage("search", silent):
        pass
    with pytest.raises(DataError), run.stage("test", silent):
        raise DataError("no images")
    assert run.seconds == {
        "search": pytest.approx(100, abs=1),
        "data": 1.5,
        "test": run.seconds["test"],
    }
    assert 0 <= run.seconds["test"] < 1


def test_the_time_of_a_stage_that_is_killed_is_kept_up_to_its_last_event(run, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 0.0)
    monkeypatch.setattr("augsearch.controller.run_directory.directory.time", clock)
    killed = run.stage("sources", silent)
    killed.__enter__()
    for clock.now in (3.0, 7.0, 11.0):
        run.log(Advanced(1, 9, "iterations"))
    assert run.seconds == {"sources": 7.0}  # the last event came too soon after that
    again = RunDirectory(run.path)
    with again.stage("sources", silent):
        clock.now += 6.0
        again.log(Advanced(1, 9, "iterations"))
        clock.now += 1.0
    again.log(StageStarted("report"))
    assert run.seconds == {"sources": 7.0 + 7.0}


def test_the_log_holds_events_and_their_distinct_warnings(run):
    assert run.warnings == []
    trial = Evaluation.of(2, [0.5, float("nan")])
    for event in [
        StageStarted("data"),
        Warned("few [images]"),
        Warned("a collapse: µ"),
        Advanced(1, 2, "images"),
        TrialCompleted("search", trial, None),
        PictureMade(run.path / "grid.png"),
        SettingTried("real", 3, {"head.epochs": 5, "weights": "random"}, trial),
        Warned("few [images]"),
    ]:
        run.log(event)
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "StageStarted",
        "Warned",
        "Warned",
        "TrialCompleted",
        "PictureMade",
        "SettingTried",
        "Warned",
    ]
    assert lines[3]["evaluation"]["multiple"] == 2
    assert lines[4]["path"] == str(run.path / "grid.png")
    assert (lines[5]["arm"], lines[5]["number"]) == ("real", 3)
    assert lines[5]["setting"] == {"head.epochs": 5, "weights": "random"}
    assert lines[5]["evaluation"]["scores"][0] == 0.5
    assert run.warnings == ["a collapse: µ", "few [images]"]


def test_a_line_torn_by_a_kill_costs_no_warning(run):
    run.log(Warned("first"))
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"time": 1, "event": "Warned", "mess')
    run.log(StageStarted("data"))  # what a process begins with
    run.log(Warned("second"))
    assert run.warnings == ["first", "second"]


@pytest.mark.parametrize(
    "line",
    [
        *(b"\xff\xfe", b"5", b"null", b"[" * 100_000, b'{"event": "Warned"}', b'{"message": "x"}'),
        *(b'{"event": "Warned", "message": ["x"]}', b'{"event": ["Warned"], "message": "x"}'),
    ],
)
def test_a_line_that_is_no_event_is_left_out(run, line):
    run.log(Warned("first"))
    with (run.path / "log.jsonl").open("ab") as file:
        file.write(line + b"\n")
    run.log(Warned("second"))
    assert run.warnings == ["first", "second"]


def test_a_line_that_a_disk_has_changed_is_left_out_and_one_of_an_earlier_version_is_not(run):
    log = run.path / "log.jsonl"
    log.write_text('{"time": 1, "event": "Warned", "message": "only 12 images"}\n')
    run.log(Warned("only 34 images"))
    assert run.warnings == ["only 12 images", "only 34 images"]
    log.write_bytes(log.read_bytes().replace(b"34", b"94"))
    assert run.warnings == ["only 12 images"]


def test_what_was_made_good_is_no_warning_of_the_result(run):
    run.log(Disturbed("the database was away"))
    assert "the database was away" in (run.path / "log.jsonl").read_text()
    assert run.warnings == []


def test_numbers_in_warnings_rise(run):
    for number in (1000, 500, 20):
        run.log(Warned(f"iteration {number} has collapsed"))
    run.log(Warned("7 rows are left out"))
    run.log(Warned("iteration of none"))
    assert [text.split()[1] for text in run.warnings] == ["rows", "20", "500", "1000", "of"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_log_that_cannot_be_written_says_so(run):
    (run.path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"cannot write .*log\.jsonl: No space left"):
        run.log(StageStarted("data"))


def test_results_are_read_back_or_refused(run):
    assert run.results is None
    result = StudyResult(study="tiny", baseline="real", arms={}, verdict=None, seconds={"data": 1})
    run.write_results(result)
    assert run.results == result
    write_json(run.path / "results.json", {"schema_version": 0})
    with pytest.raises(StorageError, match=r"results\.json must hold .* Remove it"):
        _ = run.results
