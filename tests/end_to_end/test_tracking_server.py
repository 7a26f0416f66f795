"""A real MLflow server, on PostgreSQL and with passwords, that dies half-way.

After sync every point is there exactly once. Where there is no PostgreSQL, it keeps SQLite files.
"""

import base64
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from augsearch.errors import TrackingError
from augsearch.events import Event, Warned
from augsearch.records import Evaluation
from augsearch.tracking.delivery import sync
from augsearch.tracking.tracker import Tracker

DOCKER = Path(__file__).parents[2] / "docker"
PASSWORD = "the-S3cret-of-ann"
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
    pytest.fail(f"the MLflow server did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="module")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Addresses of two databases for MLflow: runs, and users."""
    try:
        postgres = request.getfixturevalue("postgres")
    except pytest.skip.Exception:
        folder = tmp_path_factory.mktemp("server")
        return [f"sqlite:///{folder / name}.db" for name in ("runs", "users")]
    found = [postgres.new_database() for _ in range(2)]
    return [url.replace("postgresql:", "postgresql+psycopg:") for url in found]


@contextlib.contextmanager
def server(folder: Path, port: int, stores: list[str]) -> Iterator[None]:
    """Run `mlflow server`; leaving kills it and all its processes, as a power cut would."""
    log = folder / "server.log"
    auth = folder / "auth.ini"
    text = (DOCKER / "mlflow-auth.ini").read_text()
    auth.write_text(re.sub(r"database_uri = \S+", lambda _: f"database_uri = {stores[1]}", text))
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", stores[0]]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--app-name", "basic-auth"]
    command += ["--allowed-hosts", f"mlflow:5000,127.0.0.1:{port}"]
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "true",
        "MLFLOW_AUTH_CONFIG_PATH": str(auth),
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of the tests",
    }
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


def test_a_server_that_dies_half_way_and_comes_back(
    tmp_path: Path, stores: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    path = tmp_path / "run" / "outbox.jsonl"
    report = tmp_path / "run" / "report.html"
    told: list[Event] = []
    with server(tmp_path, port, stores):
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
    assert tracker.close(5) > 0
    assert [type(event) for event in told] == [Warned]
    with pytest.raises(TrackingError, match="nothing is lost"):
        sync(path)

    with server(tmp_path, port, stores):
        with monkeypatch.context() as patched:
            patched.setenv("MLFLOW_TRACKING_PASSWORD", "a-wrong-S3cret")
            refuses_a_wrong_password(tmp_path / "other" / "outbox.jsonl", path, url)
        first = sync(path)
        assert first.delivered > 0
        assert sync(path).delivered == 0
        with monkeypatch.context() as patched:
            patched.delenv("MLFLOW_TRACKING_URI")
            with pytest.raises(TrackingError, match=f"MLFLOW_TRACKING_URI={url} for this command"):
                sync(path)
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
        assert sync(tmp_path / "other" / "outbox.jsonl").delivered > 0
        knows_its_name_in_the_network_of_containers(port)
    # The artifacts went through the server: the client was not told where it keeps them.
    assert list(tmp_path.glob("artifacts/**/report.html"))
    for folder in ("run", "other"):
        for file in (tmp_path / folder).iterdir():
            assert b"S3cret" not in file.read_bytes(), file


def refuses_a_wrong_password(outbox: Path, of_the_run: Path, url: str) -> None:
    """A run is not disturbed, is told once, and sync says what is wrong; nothing is given up."""
    told: list[Event] = []
    tracker = Tracker(outbox, url, "other", notify=told.append)
    tracker.start_arm("search", {"window": "12"})
    begin = time.monotonic()
    left = tracker.close(30)
    assert time.monotonic() - begin < 20
    assert left > 0
    messages = [event.message for event in told if isinstance(event, Warned)]
    assert len(messages) == len(told) == 1
    with pytest.raises(TrackingError) as caught:
        sync(of_the_run)
    for message in (messages[0], str(caught.value)):
        assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in message
        assert "S3cret" not in message


def knows_its_name_in_the_network_of_containers(port: int) -> None:
    for host, code in (("mlflow:5000", 200), ("elsewhere.example.org", 403)):
        asked = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0"
        request = urllib.request.Request(asked, headers={"Host": host})
        basic = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
            error.close()
        assert found == code, host
