"""Deliveries into a real SQLite store: every point exactly once, whatever happens on the way."""

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from augsearch.errors import StorageError, TrackingError
from augsearch.events import Event, Warned
from augsearch.files import write_json
from augsearch.records import Evaluation
from augsearch.tracking import delivery
from augsearch.tracking.delivery import Cursor, Delivery, sync
from augsearch.tracking.experiment import Experiment
from augsearch.tracking.outbox import FileAdded, Outbox, RunOpened
from augsearch.tracking.store import sqlite_uri
from augsearch.tracking.tracker import Tracker

pytestmark = pytest.mark.usefixtures("still")

CELLS = [(0, 0), (0, 1)]
Trial = Callable[[float], Evaluation]
Curves = Callable[..., dict[str, dict[str, list[tuple[int, float]]]]]


def outbox_of(folder: Path) -> Path:
    return folder / "run" / "outbox.jsonl"


def say(tracker: Tracker, trial: Trial, last: int = 5) -> None:
    tracker.start_arm("search", {"window": "12"})
    for multiple in range(1, last + 1):
        tracker.trial("search", trial(multiple), CELLS)
    for iteration in (0, 50):
        tracker.training("acgan", 0, iteration, {"loss": 1 / (1 + iteration)})


def expected(trial: Trial, last: int = 5) -> dict[str, dict[str, list[tuple[int, float]]]]:
    trials = [trial(multiple) for multiple in range(1, last + 1)]
    return {
        "search": {
            "score": [(int(t.multiple), t.score) for t in trials],
            "score_se": [(int(t.multiple), stdev(t.scores) / math.sqrt(2)) for t in trials],
        },
        "search/fold 0, replicate 0": {"score": [(int(t.multiple), t.scores[0]) for t in trials]},
        "search/fold 0, replicate 1": {"score": [(int(t.multiple), t.scores[1]) for t in trials]},
        "study": {},
        "study/source acgan, fold 0": {"loss": [(0, 1.0), (50, 1 / 51)]},
    }


def test_an_audit_is_in_its_sources_run_and_its_verdict_in_tags(
    uri: str, tmp_path: Path, runs: Callable[..., Any]
) -> None:
    for _ in range(2):  # a resumed run says it again
        tracker = Tracker(outbox_of(tmp_path), uri, "study")
        tracker.start_arm("search", {})
        tracker.audit("acgan", 0, {"audit_kid": 0.5}, {"audit": "fail", "why": "x" * 9000})
        tracker.tag({"audit": "warn"}, "search")
        tracker.tag({"audit": "fail"})
        tracker.tag({"audit": "fail"}, "search")
        tracker.close()
    assert sync(outbox_of(tmp_path)).refused == ()
    found = {run.info.run_name: run for run in runs(uri)}
    source = found["source acgan, fold 0"]
    assert source.data.metrics == {"audit_kid": 0.5}
    assert len(source.data.tags["why"]) == 5000
    assert source.data.tags["mlflow.parentRunId"] == found["study"].info.run_id
    assert {name: run.data.tags["audit"] for name, run in found.items()} == dict.fromkeys(
        ["source acgan, fold 0", "study", "search"], "fail"
    )
    assert len(Outbox(outbox_of(tmp_path)).entries) == 9


def test_the_layout(uri: str, tmp_path: Path, runs: Callable[..., Any], trial: Trial) -> None:
    from mlflow import MlflowClient

    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    say(tracker, trial)
    report = tmp_path / "run" / "report.html"
    report.write_text("<p>helps</p>")
    figures = tmp_path / "run" / "figures"
    figures.mkdir()
    (figures / "roc.svg").write_text("<svg/>")
    tracker.artifact(report)
    tracker.artifact(figures, arm="search")
    tracker.finish_arm("search", {"gain": 0.1, "se": math.nan}, {"verdict": "helps"})
    assert tracker.close() > 0
    assert sync(outbox_of(tmp_path)).refused == ()

    found = {run.info.run_name: run for run in runs(uri)}
    arm, child = found["search"], found["fold 0, replicate 1"]
    assert arm.data.params == {"window": "12"}
    assert arm.data.tags["verdict"] == "helps"
    assert arm.data.metrics["gain"] == 0.1
    assert "se" not in arm.data.metrics
    assert child.data.tags["mlflow.parentRunId"] == arm.info.run_id
    times = {entry.id: entry.time_ms for entry in Outbox(outbox_of(tmp_path)).entries}
    assert arm.info.start_time == times["run:arm/search"]
    assert arm.info.end_time == times["close:arm/search"]
    assert {run.info.status for run in found.values()} == {"FINISHED"}

    client = MlflowClient(uri)
    assert [f.path for f in client.list_artifacts(found["study"].info.run_id)] == ["report.html"]
    listed = client.list_artifacts(arm.info.run_id, "figures")
    assert [f.path for f in listed] == ["figures/roc.svg"]
    location = client.get_experiment(arm.info.experiment_id).artifact_location
    assert location == (tmp_path / "mlartifacts").as_uri()


def test_a_nan_score_is_stored_once(uri: str, tmp_path: Path, curves: Curves) -> None:
    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    tracker.trial("search", Evaluation.of(1, [math.nan]), [(0, 0)])
    sync(outbox_of(tmp_path))
    (tmp_path / "run" / "outbox.cursor.json").unlink()
    sync(outbox_of(tmp_path))
    [(step, value)] = curves(uri)["search"]["score"]
    assert step == 1
    assert math.isnan(value)


def test_fractional_amounts_are_drawn_at_100_k(uri: str, tmp_path: Path, curves: Curves) -> None:
    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    for multiple in (1, 1.5, 2):
        tracker.trial("search", Evaluation.of(multiple, [multiple / 10]), [(0, 0)])
    sync(outbox_of(tmp_path))
    assert curves(uri)["search"] == {
        "score": [(1, 0.1), (2, 0.2)],
        "score_x100": [(100, 0.1), (150, 0.15), (200, 0.2)],
    }


@pytest.mark.parametrize("kept", [0, 1, 40, None])
def test_a_lost_or_torn_cursor_repeats_nothing(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, kept: int | None
) -> None:
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial, last=3)
    sync(outbox_of(tmp_path))
    cursor = tmp_path / "run" / "outbox.cursor.json"
    if kept is None:
        cursor.unlink()
    else:
        cursor.write_bytes(cursor.read_bytes()[:kept])
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    sync(outbox_of(tmp_path))
    assert curves(uri) == expected(trial)


def test_an_outbox_that_lost_what_was_sent_is_refused_and_anew_is_sent_anew(
    uri: str, tmp_path: Path, trial: Trial
) -> None:
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial, last=3)
    sent = sync(outbox_of(tmp_path)).delivered
    lines = outbox_of(tmp_path).read_bytes().splitlines(keepends=True)
    outbox_of(tmp_path).write_bytes(b"".join(lines[:-2]))
    for store in (uri, f"sqlite:///{tmp_path}/moved.db"):
        with pytest.raises(TrackingError, match=f"{sent} entries were sent but {sent - 2} are"):
            Tracker(outbox_of(tmp_path), store, "study")
    outbox_of(tmp_path).unlink()
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial, last=3)
    assert sync(outbox_of(tmp_path)).delivered == sent


def test_a_kill_between_store_and_cursor_makes_no_second_run(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, value: dict[str, Any]) -> None:
        if value["delivered"]:
            raise StorageError("killed")
        write_json(path, value)

    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    say(tracker, trial)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "write_json", killed)
        with pytest.raises(StorageError):
            Delivery(Outbox(outbox_of(tmp_path))).drain()
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    sync(outbox_of(tmp_path))
    assert curves(uri) == expected(trial)


def test_an_outbox_that_lost_what_was_on_its_way_is_refused(
    uri: str, tmp_path: Path, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Experiment, chunk: object) -> None:
        raise ConnectionError

    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "deliver", killed)
        with pytest.raises(ConnectionError):
            Delivery(Outbox(outbox_of(tmp_path))).drain()
    lines = outbox_of(tmp_path).read_bytes().splitlines(keepends=True)
    outbox_of(tmp_path).write_bytes(b"".join(lines[:-1]))
    with pytest.raises(TrackingError, match="entries were sent but"):
        Tracker(outbox_of(tmp_path), uri, "study")


def test_a_failure_in_the_middle_of_a_chunk_repeats_nothing(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    original = MlflowClient.log_batch
    for allowed in range(4):
        calls = iter(range(allowed))

        def failing(*args: Any, calls: Any = calls, **kwargs: Any) -> None:
            if next(calls, None) is None:
                raise ConnectionError("gone")
            original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "log_batch", failing)
            with pytest.raises(TrackingError, match="gone"):
                sync(outbox_of(tmp_path))
    sync(outbox_of(tmp_path))
    assert curves(uri) == expected(trial)


def test_two_runs_of_a_lost_answer_become_one(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, runs: Callable[..., Any]
) -> None:
    from mlflow import MlflowClient

    say(Tracker(outbox_of(tmp_path), uri, "study"), trial, last=3)
    sync(outbox_of(tmp_path))
    arm = next(run for run in runs(uri) if run.info.run_name == "search")
    tag = {"augsearch.key": arm.data.tags["augsearch.key"]}
    for _ in range(3):
        MlflowClient(uri).create_run(arm.info.experiment_id, tags=tag, run_name="search")
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    sync(outbox_of(tmp_path))
    assert curves(uri) == expected(trial)
    assert arm.info.run_id in {run.info.run_id for run in runs(uri)}


def test_a_run_deleted_by_hand_comes_back_whole(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, runs: Callable[..., Any]
) -> None:
    from mlflow import MlflowClient

    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    say(tracker, trial, last=3)
    tracker._delivery.drain()
    arm = next(run for run in runs(uri) if run.info.run_name == "search")
    MlflowClient(uri).delete_run(arm.info.run_id)
    say(tracker, trial)
    tracker._delivery.drain()
    assert tracker.close() == 0
    assert curves(uri) == expected(trial)
    MlflowClient(uri).delete_run(runs(uri)[0].info.run_id)
    assert sync(outbox_of(tmp_path)).delivered > 0
    assert curves(uri) == expected(trial)


def test_another_store_gets_everything(
    uri: str, other_uri: str, tmp_path: Path, curves: Curves, trial: Trial
) -> None:
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    first = sync(outbox_of(tmp_path))
    assert first.delivered == first.total > 0
    assert sync(outbox_of(tmp_path)).delivered == 0
    Outbox.open(outbox_of(tmp_path), other_uri, "study")
    assert sync(outbox_of(tmp_path)).delivered == first.total
    assert curves(uri) == curves(other_uri) == expected(trial)


def test_run_directories_of_one_study_keep_apart(uri: str, tmp_path: Path, trial: Trial) -> None:
    from mlflow import MlflowClient

    for name in ("old", "fresh"):
        say(Tracker(tmp_path / name / "outbox.jsonl", uri, "study"), trial)
        sync(tmp_path / name / "outbox.jsonl")
    experiment = MlflowClient(uri).get_experiment_by_name("study")
    assert experiment is not None
    names = [r.info.run_name for r in MlflowClient(uri).search_runs([experiment.experiment_id])]
    assert names.count("search") == names.count("study") == 2


def test_a_file_that_is_gone_holds_up_nothing_and_is_sent_when_it_is_back(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial, runs: Callable[..., Any]
) -> None:
    from mlflow import MlflowClient

    told: list[Event] = []
    picture = tmp_path / "run" / "grid.png"
    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    picture.write_bytes(b"png")
    tracker.artifact(picture, folder="samples")
    picture.unlink()
    say(tracker, trial)
    going = Delivery(Outbox(outbox_of(tmp_path)), told.append)
    going.drain()
    assert curves(uri) == expected(trial)
    assert going.undelivered == 1
    [event] = told
    assert isinstance(event, Warned)
    assert "grid.png is no longer there" in event.message

    assert len(sync(outbox_of(tmp_path)).refused) == 1
    picture.write_bytes(b"png")
    assert sync(outbox_of(tmp_path)).refused == ()
    study = next(run for run in runs(uri) if run.info.run_name == "study")
    listed = MlflowClient(uri).list_artifacts(study.info.run_id, "samples")
    assert [file.path for file in listed] == ["samples/grid.png"]
    assert curves(uri) == expected(trial)


def test_many_points_and_parameters_go_in_parts(
    uri: str, tmp_path: Path, curves: Curves, runs: Callable[..., Any]
) -> None:
    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    tracker.start_arm("real", {f"key {i}": "x" * 7000 for i in range(230)})
    for step in range(1100):
        tracker.training("acgan", 1, step, {"loss": step / 8})
    sync(outbox_of(tmp_path))
    losses = curves(uri)["study/source acgan, fold 1"]["loss"]
    assert losses == [(step, step / 8) for step in range(1100)]
    arm = next(run for run in runs(uri) if run.info.run_name == "real")
    assert len(arm.data.params) == 230
    assert set(arm.data.params.values()) == {"x" * 6000}


def test_no_server_is_an_error_that_says_what_to_do(
    uri: str, tmp_path: Path, curves: Curves, trial: Trial
) -> None:
    say(Tracker(outbox_of(tmp_path), "http://127.0.0.1:9", "study"), trial)
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9 must take .* nothing is lost"):
        sync(outbox_of(tmp_path))
    Outbox.open(outbox_of(tmp_path), uri, "study")
    sync(outbox_of(tmp_path))
    assert curves(uri) == expected(trial)


@pytest.mark.parametrize("uri", ["postgresql+psycopg://127.0.0.1:9/x", "sqlite:///a\0b"])
def test_a_database_that_is_not_there_is_asked_once(tmp_path: Path, uri: str, trial: Trial) -> None:
    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    begin = time.monotonic()
    with pytest.raises(TrackingError, match=r"nothing is lost|Nothing was sent"):
        sync(outbox_of(tmp_path))
    assert time.monotonic() - begin < 20  # MLflow alone asks for 100 s


def test_a_long_address_is_cut(tmp_path: Path, trial: Trial) -> None:
    say(Tracker(outbox_of(tmp_path), "nosuch://" + "x" * 50_000, "study"), trial)
    with pytest.raises(TrackingError) as refused:
        sync(outbox_of(tmp_path))
    assert len(str(refused.value)) < 2000


def test_a_deleted_experiment_is_an_error_that_says_what_to_do(
    uri: str, tmp_path: Path, trial: Trial, runs: Callable[..., Any]
) -> None:
    from mlflow import MlflowClient

    say(Tracker(outbox_of(tmp_path), uri, "study"), trial)
    sync(outbox_of(tmp_path))
    MlflowClient(uri).delete_experiment(runs(uri)[0].info.experiment_id)
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        sync(outbox_of(tmp_path))


def test_a_new_store_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(uri: str, artifacts: str) -> None:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"half of the tables")
        raise KeyboardInterrupt

    uri = f"sqlite:///{tmp_path}/store/mlflow.db"
    tracker = Tracker(outbox_of(tmp_path), uri, "study")
    tracker.start_arm("real", {})
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore", torn)
        with pytest.raises(KeyboardInterrupt):
            tracker._delivery.drain()
    assert [file.name for file in (tmp_path / "store").iterdir()] == ["mlflow.db.lock"]


def test_two_studies_may_start_on_a_new_store_at_once(tmp_path: Path, runs: Any) -> None:
    uri = f"sqlite:///{tmp_path}/new.db"
    code = (
        "import sys; from augsearch.tracking.tracker import Tracker\n"
        f"tracker = Tracker(__import__('pathlib').Path(sys.argv[1]), {uri!r}, sys.argv[2])\n"
        "tracker.start_arm('real', {})\n"
        "sys.exit(tracker.close(60))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name / "o.jsonl"), name])
        for name in ("one", "two")
    ]
    assert [process.wait(90) for process in both] == [0, 0]
    assert len(runs(uri, "one")) == len(runs(uri, "two")) == 1


@pytest.mark.parametrize(
    "way", ["../secret.txt", "{folder}/secret.txt", "figures/../../secret.txt"]
)
def test_files_outside_the_run_are_not_sent(
    uri: str, tmp_path: Path, runs: Callable[..., Any], way: str
) -> None:
    """The run may be somebody else's, with a server of theirs at the other end."""
    from mlflow import MlflowClient

    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "run" / "figures").mkdir(parents=True)
    box = Outbox.open(outbox_of(tmp_path), uri, "study")
    added = FileAdded("study", way.format(folder=tmp_path), "")
    box.append([("run:study", RunOpened("study", "study")), ("file", added)])
    [refusal] = sync(box.path).refused
    assert "must lie in the run directory" in refusal
    [study] = runs(uri)
    assert MlflowClient(uri).list_artifacts(study.info.run_id) == []


@pytest.mark.parametrize("path", [".", "mlartifacts"])
def test_a_store_in_the_run_is_not_copied_into_itself(
    tmp_path: Path, runs: Callable[..., Any], path: str
) -> None:
    run = tmp_path / "run"
    (run / "mlartifacts").mkdir(parents=True)
    (run / "mlartifacts" / "file.txt").write_text("there before")
    inside = sqlite_uri(run / "mlflow.db")
    box = Outbox.open(outbox_of(tmp_path), inside, "study")
    box.append([("run:study", RunOpened("study", "study")), ("a", FileAdded("study", path, ""))])
    [refusal] = sync(box.path).refused
    assert "holds the store's own files" in refusal
    assert [one.name for one in run.rglob("*.txt")] == ["file.txt"]
    assert len(runs(inside)) == 1


@pytest.mark.parametrize(
    "wrong",
    ["[]", '{"store": 3}', '{"store": "S", "delivered": -5}', '{"store": "S", "delivered": "x"}']
    + [f'{{"store": "S", "delivered": 1, "runs": {runs}}}' for runs in ("7", "[[]]", '{"a": []}')]
    + [f'{{"store": "S", "delivered": 1, "refused": {places}}}' for places in ("7", "[-1]")],
)
def test_a_cursor_that_makes_no_sense_begins_anew(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "outbox.cursor.json"
    path.write_text(wrong)
    assert Cursor.load(path, "S") == Cursor("S")
