import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augsearch.events import Event, Warned
from augsearch.records import Evaluation
from augsearch.tracking.delivery import Delivery
from augsearch.tracking.outbox import FileAdded, Outbox, RunClosed
from augsearch.tracking.tracker import Tracker

CELLS = [(0, 0), (0, 1)]
DEAD = "http://127.0.0.1:9"


def closed(path: Path) -> set[str]:
    actions = [entry.action for entry in Outbox(path).entries]
    return {action.run for action in actions if isinstance(action, RunClosed)}


def test_importing_the_room_imports_neither_mlflow_nor_torch() -> None:
    code = "import sys, augsearch.tracking; sys.exit(bool({'mlflow', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_thread_delivers_while_the_run_goes_on(
    uri: str, tmp_path: Path, curves: Callable[..., Any], trial: Callable[[float], Evaluation]
) -> None:
    path = tmp_path / "outbox.jsonl"
    tracker = Tracker(path, uri, "study")
    for multiple in range(1, 4):
        tracker.trial("search", trial(multiple), CELLS)
    # Dropped without a close, as by a kill; the next process says everything again.
    resumed = Tracker(path, uri, "study")
    for multiple in range(1, 7):
        resumed.trial("search", trial(multiple), CELLS)
    assert resumed.close(60) == 0
    assert tracker.close(60) == 0
    points = curves(uri)["search"]["score"]
    assert points == [(k, trial(k).score) for k in range(1, 7)]


@pytest.mark.parametrize(("multiple", "key"), [(2, "score"), (1.5, "score_x100")])
def test_a_training_is_a_point_once_however_often_its_amount_comes_again(
    uri: str, tmp_path: Path, curves: Callable[..., Any], multiple: float, key: str
) -> None:
    tracker = Tracker(tmp_path / "outbox.jsonl", uri, "study")
    scores, cells = [0.5, 0.7, 0.6, 0.8], [(0, 0), (0, 1), (0, 2), (0, 3)]
    for round_ in range(2):
        count = 2 * (round_ + 1)
        evaluation = Evaluation.of(multiple, scores[:count])
        tracker.trial("search", evaluation, cells[:count], round_)
    assert tracker.close(60) == 0
    found = curves(uri)
    assert [value for _, value in found["search"][key]] == [0.6, 0.65]
    for replicate, score in enumerate(scores):
        [(_, value)] = found[f"search/fold 0, replicate {replicate}"][key]
        assert value == score


def test_settings_are_a_curve_and_parameters_of_the_arm(
    uri: str, tmp_path: Path, curves: Callable[..., Any], runs: Callable[..., list[Any]]
) -> None:
    tracker = Tracker(tmp_path / "outbox.jsonl", uri, "study")
    tracker.start_arm("search", {"classifier.head.epochs": "100"})
    for number in range(3):
        tracker.setting("search", number, number / 4)
    tracker.choose_setting("search", {"head.epochs": "5"})
    assert tracker.close(60) == 0
    assert curves(uri)["search"]["tuning_setting_score"] == [(0, 0.0), (1, 0.25), (2, 0.5)]
    [run] = runs(uri)
    assert run.data.params == {"classifier.head.epochs": "100", "setting.head.epochs": "5"}


def test_no_server_warns_once_and_keeps_everything(
    tmp_path: Path, trial: Callable[[float], Evaluation]
) -> None:
    told: list[Event] = []
    tracker = Tracker(tmp_path / "outbox.jsonl", DEAD, "study", notify=told.append)
    for multiple in range(1, 4):
        tracker.trial("search", trial(multiple), CELLS)
    assert tracker.close(60) == 6
    [event] = told
    assert isinstance(event, Warned)
    assert f"augsearch sync {tmp_path}" in event.message


def test_a_hanging_store_does_not_hold_up_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Callable[[float], Evaluation]
) -> None:
    release = threading.Event()
    monkeypatch.setattr(Delivery, "drain", lambda self: release.wait(30))
    tracker = Tracker(tmp_path / "outbox.jsonl", DEAD, "study")
    tracker.trial("search", trial(1), CELLS)
    assert tracker.close(0.1) == 4
    release.set()


@pytest.mark.usefixtures("still")
def test_a_repeated_study_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    file = tmp_path / "report.html"

    def run() -> bytes:
        tracker = Tracker(path, DEAD, "study")
        tracker.start_arm("search", {"a": "1"})
        tracker.trial("search", Evaluation.of(1.5, [0.5]), [(0, 0)])
        tracker.training("acgan", 0, 10, {"loss": 0.5})
        tracker.setting("search", 0, 0.5)
        tracker.choose_setting("search", {"head.epochs": "3"})
        file.write_text("report")
        tracker.artifact(file)
        tracker.finish_arm("search", {"gain": 0.1}, {"verdict": "helps"})
        tracker.close()
        return path.read_bytes()

    assert run() == run()


@pytest.mark.usefixtures("still")
def test_the_study_is_finished_with_its_last_arm(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    tracker = Tracker(path, DEAD, "study")
    tracker.training("acgan", 0, 10, {"loss": 0.5})
    for arm in ("real", "search"):
        tracker.start_arm(arm, {})
        tracker.trial(arm, Evaluation.of(1, [0.5]), [(0, 0)])
    tracker.finish_arm("real", {}, {})
    tracker.close()
    assert closed(path) == {"arm/real", "arm/real/fold 0, replicate 0"}

    resumed = Tracker(path, DEAD, "study")
    resumed.finish_arm("search", {}, {})
    resumed.close()
    assert closed(path) == {
        "arm/real",
        "arm/real/fold 0, replicate 0",
        "arm/search",
        "arm/search/fold 0, replicate 0",
        "study",
        "source/acgan/0",
    }


@pytest.mark.usefixtures("still")
def test_a_file_is_sent_again_only_if_it_has_changed(tmp_path: Path) -> None:
    report = tmp_path / "run" / "report.html"
    tracker = Tracker(tmp_path / "run" / "outbox.jsonl", DEAD, "study")
    for text in ("one", "one", "two"):
        report.write_text(text)
        tracker.artifact(report)
    actions = [entry.action for entry in Outbox(tmp_path / "run" / "outbox.jsonl").entries]
    paths = [action.path for action in actions if isinstance(action, FileAdded)]
    assert paths == ["report.html", "report.html"]
