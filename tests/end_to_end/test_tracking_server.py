"""A real MLflow server that dies half-way: after sync every point is there exactly once."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from augsearch.errors import TrackingError
from augsearch.events import Event, Warned
from augsearch.records import Evaluation
from augsearch.tracking import Tracker, sync

CELLS = [(fold, replicate) for fold in (0, 1) for replicate in (0, 1)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            return
        time.sleep(0.2)
    pytest.fail(f"the MLflow server did not start:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    """Run `mlflow server`; leaving kills it and all its processes, as a power cut would."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | settings,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", process, log)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def say(tracker: Tracker, first: int, last: int) -> None:
    tracker.start_arm("search", {"window": "12"})
    for k in range(first, last + 1):
        tracker.trial("search", Evaluation.of(k, [0.5 + (k + i) / 100 for i in range(4)]), CELLS)
        tracker.training("acgan", 0, 50 * k, {"loss": 1 / k})


def stored(url: str) -> dict[str, Counter[tuple[str, int]]]:
    from mlflow import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("study")
    if experiment is None:
        pytest.fail("no experiment")
    found: dict[str, Counter[tuple[str, int]]] = {}
    for run in client.search_runs([experiment.experiment_id]):
        if run.info.run_name in found:
            pytest.fail(f"two runs are called {run.info.run_name}")
        found[run.info.run_name] = Counter(
            (key, metric.step)
            for key in run.data.metrics
            for metric in client.get_metric_history(run.info.run_id, key)
        )
    return found


def test_a_server_that_dies_half_way_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    path = tmp_path / "run" / "outbox.jsonl"
    report = tmp_path / "run" / "report.html"
    told: list[Event] = []
    with server(tmp_path, port):
        tracker = Tracker(path, url, "study", notify=told.append)
        say(tracker, 1, 13)
        deadline = time.monotonic() + 60
        while tracker.undelivered and time.monotonic() < deadline:
            time.sleep(0.05)
        assert tracker.undelivered == 0
        assert told == []
        say(tracker, 14, 14)  # the server dies while this is under way

    begin = time.monotonic()
    say(tracker, 15, 26)
    report.write_text("<p>helps</p>")
    tracker.artifact(report)
    tracker.finish_arm("search", {"multiple_best": 14}, {"verdict": "helps"})
    assert time.monotonic() - begin < 5
    assert tracker.close(30) > 0
    assert [type(event) for event in told] == [Warned]
    with pytest.raises(TrackingError, match="nothing is lost"):
        sync(path)

    with server(tmp_path, port):
        first = sync(path)
        assert first.delivered > 0
        assert sync(path).delivered == 0
        found = stored(url)
        curve = Counter({("score", k): 1 for k in range(1, 27)})
        children = {f"fold {fold}, replicate {replicate}": curve for fold, replicate in CELLS}
        error = Counter({("score_se", k): 1 for k in range(1, 27)})
        assert found == children | {
            "search": curve + error + Counter({("multiple_best", 0): 1}),
            "source acgan, fold 0": Counter({("loss", 50 * k): 1 for k in range(1, 27)}),
            "study": Counter(),
        }
        path.with_suffix(".cursor.json").unlink()
        assert sync(path).delivered == first.total
        assert stored(url) == found
    assert list(tmp_path.glob("artifacts/**/report.html"))
