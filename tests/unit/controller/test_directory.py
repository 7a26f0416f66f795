import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from augsearch.controller.directory import (
    RunDirectory,
    claimed,
    finished_run,
    following,
    handed_over,
    latest,
    settle,
)
from augsearch.errors import DataError, RunDirectoryError, StorageError
from augsearch.events import (
    Advanced,
    Disturbed,
    PictureMade,
    SettingTried,
    StageStarted,
    TrialCompleted,
    Warned,
)
from augsearch.files import exclusive, write_json
from augsearch.records import Evaluation
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile


def study(**changes):
    settings = {"name": "tiny", "data": {"kind": "demo"}, "arms": {"real": {}}} | changes
    return StudyFile.model_validate(settings)


@pytest.fixture
def base(tmp_path):
    return tmp_path / "runs" / "tiny"


@pytest.fixture
def run(base):
    base.mkdir(parents=True)
    return RunDirectory(base)


def start(base, changed=None, fresh=False):
    """Begin a run as far as the end of its data stage; return its directory."""
    settings = changed or study()
    with claimed(base, settings, fresh) as directory:
        settle(directory, settings, "# as written")
    return directory.path


def fail(base, error, fresh=False):
    with (
        pytest.raises(type(error), match=str(error)),
        claimed(base, study(), fresh) as directory,
    ):
        write_json(directory.artifacts / "data" / "images.json", {})
        raise error


def test_a_run_is_gone_on_with_and_fresh_ones_stand_beside_it(base):
    assert (latest(base, "tiny"), following(base)) == (base, base)
    assert start(base) == start(base) == base
    assert (base / "study.toml").read_text() == "# as written"
    for number in range(2, 12):
        assert start(base, fresh=True) == base.with_name(f"tiny-{number}")
    assert latest(base, "tiny") == start(base) == base.with_name("tiny-11")  # not by the alphabet
    assert following(base) == base.with_name("tiny-12")


def test_a_study_called_as_another_one_with_a_number_is_left_alone(base):
    start(base)
    start(base.with_name("tiny-2"), study(name="tiny-2"))
    assert latest(base, "tiny") == start(base) == base
    assert start(base, fresh=True) == base.with_name("tiny-3")
    assert latest(base.with_name("tiny-2"), "tiny-2") == base.with_name("tiny-2")


@pytest.mark.parametrize("content", ["[]", "5", "{}"])
def test_a_folder_beside_it_that_is_no_run_is_left_alone(base, content):
    base.with_name("tiny-2").mkdir(parents=True)
    (base.with_name("tiny-2") / "study.json").write_text(content)
    assert latest(base, "tiny") == start(base) == base


def test_a_run_that_never_began_leaves_nothing(base, tmp_path):
    fail(base, DataError("no images"))
    assert list(tmp_path.iterdir()) == []
    start(base)
    fail(base, DataError("no images"), fresh=True)
    assert list(base.parent.iterdir()) == [base]


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "empty").mkdir()
    fail(tmp_path / "empty", DataError("no images"))
    fail(tmp_path / "empty" / "deep" / "run", DataError("no images"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_is_no_run_and_nothing_begins_beside_it(tmp_path, fresh):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunDirectoryError, match="but is a file; choose another --out"):
        start(tmp_path / "file", fresh=fresh)
    with pytest.raises(RunDirectoryError, match="is not empty and not a run of augsearch"):
        start(tmp_path, fresh=fresh)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert not tmp_path.with_name(f"{tmp_path.name}-2").exists()


def test_a_run_that_began_stays_whatever_happens(base):
    start(base)
    fail(base, StorageError("disk full"))
    assert (base / "artifacts" / "data" / "images.json").exists()


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_one_that_was_stopped_while_reading_images_is_gone_on_with(base, ending):
    with pytest.raises(ending), claimed(base, study(), fresh=False) as directory:
        write_json(directory.artifacts / "data" / "images.json", {})
        directory.log(Warned("class 'fluid' has only 3 training images"))
        raise ending
    assert not (base / "study.json").exists()
    with claimed(base, study(seed=5), fresh=False) as directory:  # nothing is settled yet
        assert (directory.artifacts / "data" / "images.json").exists()
        assert directory.warnings == []
    fail(base, DataError("no images"))
    assert not base.exists()


def test_a_run_whose_study_was_removed_to_be_made_again_keeps_its_warnings(base):
    directory = RunDirectory(start(base))
    directory.remember("data", {})
    directory.log(Warned("a collapse"))
    (base / "study.json").unlink()
    start(base)
    assert directory.warnings == ["a collapse"]


def test_a_folder_of_something_else_is_refused_and_left_alone(base):
    base.mkdir(parents=True)
    (base / "thesis.txt").write_text("mine")
    with (
        pytest.raises(RunDirectoryError, match="not empty and not a run"),
        claimed(base, study(), fresh=False),
    ):
        pytest.fail("must not be entered")
    assert [path.name for path in base.iterdir()] == ["thesis.txt"]


def test_a_changed_study_is_refused_with_the_difference(base):
    start(base)
    with pytest.raises(RunDirectoryError) as caught:
        start(base, study(seed=5, images={"size": 32}))
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  seed: 0 -> 5", "  images.size: 64 -> 32"]
    assert "--fresh" in lines[-1]
    assert start(base, study(tracking={"enabled": False})) == base  # changes no number
    assert start(base, study(seed=5), fresh=True) == base.with_name("tiny-2")


def test_two_at_once_are_told_apart(base):
    start(base)
    with exclusive(base / "run.lock"):
        fail(base, RunDirectoryError(f"in use by process {os.getpid()}"))
    assert start(base) == base


def test_only_the_first_value_is_remembered(run):
    assert run.remember("data", {"images": 3}) == {"images": 3}
    assert run.remember("data", {"images": 4}) == {"images": 3}
    assert RunDirectory(run.path).remember("data", None) == {"images": 3}


def test_times_add_up_over_processes_and_failures(run):
    write_json(run.path / "seconds.json", {"search": 100.0, "data": 1.5})
    with RunDirectory(run.path).timed("search"):
        pass
    with pytest.raises(DataError), run.timed("test"):
        raise DataError("no images")
    assert run.seconds == {
        "search": pytest.approx(100, abs=1),
        "data": 1.5,
        "test": run.seconds["test"],
    }
    assert 0 <= run.seconds["test"] < 1


def test_the_time_of_a_stage_that_is_killed_is_kept_up_to_its_last_event(run, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 0.0)
    monkeypatch.setattr("augsearch.controller.directory.time", clock)
    killed = run.timed("sources")
    killed.__enter__()
    for clock.now in (3.0, 7.0, 11.0):
        run.log(Advanced(1, 9, "iterations"))
    assert run.seconds == {"sources": 7.0}  # the last event came too soon after that
    again = RunDirectory(run.path)
    with again.timed("sources"):
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


def test_links_that_lead_out_of_a_run_are_refused(tmp_path: Path) -> None:
    """What is written to them would land where they lead."""
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "run"
    (run / "artifacts").mkdir(parents=True)
    (run / "study.json").write_text("{}")
    (run / "here").symlink_to("artifacts")
    (run / "artifacts" / "loop").symlink_to("loop")
    with pytest.raises(RunDirectoryError, match=r"has no results\.json"):
        finished_run(run)
    (run / "artifacts" / "deep").symlink_to(outside)
    (run / "log.jsonl").symlink_to("../outside/new")
    with pytest.raises(RunDirectoryError, match="artifacts/deep") as caught:
        finished_run(run)
    assert "log.jsonl" in str(caught.value)
    (run / "run.lock").symlink_to("../outside/lock")
    with pytest.raises(RunDirectoryError, match=r"run\.lock"), claimed(run, study(), fresh=False):
        pass
    assert list(outside.iterdir()) == []


def test_files_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    words = r"do not go together \(KeyError: 'x'\)"
    with pytest.raises(RunDirectoryError, match=words), handed_over(tmp_path):
        raise KeyError("x")
    with pytest.raises(DataError, match="as it is"), handed_over(tmp_path):
        raise DataError("as it is")
