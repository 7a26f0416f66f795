"""What a run's outbox may name, and what only the user may."""

import contextlib
import http.server
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from augsearch.errors import TrackingError
from augsearch.tracking.delivery import sync
from augsearch.tracking.outbox import FileAdded, Outbox, RunOpened
from augsearch.tracking.trust import (
    is_named,
    keeps_to_store,
    no_sign_in,
    nothing_made_elsewhere,
    sync_command,
)

OWN = "https://mlflow.example.org/lab"
HELD = {
    **{"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "the-S3cret"},
    **{"MLFLOW_TRACKING_TOKEN": "the-S3cret", "MLFLOW_TRACKING_AUTH": "plug-in"},
    **{"MLFLOW_TRACKING_AWS_SIGV4": "true", "PGPASSWORD": "the-S3cret"},
}


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*HELD, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", OWN)


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("uri", "own"),
    [
        (OWN, True),
        ("https://mlflow.example.org", True),
        ("HTTPS://MLflow.example.org:443/other", True),
        ("http://mlflow.example.org/lab", False),
        ("https://mlflow.example.org:8443/lab", False),
        ("https://mlflow.example.org.evil.example/lab", False),
        ("https://mlflow.example.org@evil.example/lab", False),
        ("https://evil.example\\@mlflow.example.org/lab", False),
        ("https:mlflow.example.org/lab", False),
        ("https://[", False),
        ("postgresql://mlflow.example.org/lab", False),
    ],
)
def test_a_server_is_named_by_scheme_host_and_port(uri: str, own: bool) -> None:
    assert is_named(uri) == own


def test_a_database_is_named_by_all_of_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://ann@host/mlflow")
    assert is_named("postgresql://ann@host/mlflow")
    assert not is_named("postgresql://ann@host/mlflow?host=evil.example")


@pytest.mark.parametrize(
    ("uri", "variable"),
    [
        *(("https://evil.example", name) for name in HELD if name.startswith("MLFLOW")),
        ("postgresql+psycopg://ann@evil.example/x", "PGPASSWORD"),
        ("databricks", "HOME"),
        ("plug-in://evil.example", "HOME"),
        ("https://\x1b[2J:the-S3cret@evil.example/", "MLFLOW_TRACKING_TOKEN"),
        ("https://[", "MLFLOW_TRACKING_TOKEN"),
    ],
)
@pytest.mark.parametrize("own", ["", OWN])
def test_nobody_signs_in_where_the_user_did_not_say(
    uri: str, variable: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own)
    if variable in HELD:
        monkeypatch.setenv(variable, HELD[variable])
    with pytest.raises(TrackingError, match="must be named by you") as refused:
        no_sign_in(uri)
    assert "S3cret" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_password_in_a_file_counts(tmp_path: Path) -> None:
    no_sign_in("https://evil.example")
    file = tmp_path / "home" / ".mlflow" / "credentials"
    file.parent.mkdir(parents=True)
    file.write_text("[mlflow]\nmlflow_tracking_password = the-S3cret\n")
    with pytest.raises(TrackingError, match=r"MLFLOW_TRACKING_URI=https://evil\.example for"):
        no_sign_in("https://evil.example/x")


@pytest.mark.parametrize(
    ("uri", "held"),
    [
        ("sqlite:////data/mlflow.db", HELD),
        ("file:///data", HELD),
        ("/data", HELD),
        ("http://evil.example", {"PGPASSWORD": "x"}),
        ("postgresql://evil.example/x", {"MLFLOW_TRACKING_PASSWORD": "x"}),
        ("mssql+pyodbc://evil.example/x", HELD),
        (OWN, HELD | {"MLFLOW_TRACKING_URI": OWN}),
    ],
)
def test_others_are_asked_nothing(
    uri: str, held: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in held.items():
        monkeypatch.setenv(name, value)
    no_sign_in(uri)


def test_the_command_that_is_told_works(monkeypatch: pytest.MonkeyPatch) -> None:
    told = sync_command(Path("runs/a b"), "http://host:5000/x")
    assert told == "MLFLOW_TRACKING_URI=http://host:5000 augsearch sync 'runs/a b'"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert is_named("http://host:5000/x")
    assert sync_command(Path("x"), "http://host:5000/x") == "augsearch sync x"
    assert sync_command(Path("x"), "postgresql://ann@host/x").startswith("MLFLOW_TRACKING_URI=URL ")
    told = sync_command(Path("runs/x"), "sqlite:////data/mlflow.db")
    assert told == "MLFLOW_TRACKING_URI=sqlite:////data/mlflow.db augsearch sync runs/x"


@pytest.fixture
def places(empty_store: Path, tmp_path: Path) -> Path:
    """A run, and around it stores of MLflow and databases of others."""
    for folder in ("mine/runs/run/deep", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("mine/runs/store.db", "elsewhere/store.db"):
        shutil.copy(empty_store, tmp_path / name)
    for name in ("mine/runs/other.db", "mine/runs/run/ledger.db", "elsewhere/other.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / name)) as database:
            database.execute("CREATE TABLE bookmarks (url TEXT)")
    (tmp_path / "mine" / "runs" / "empty.db").touch()
    os.mkfifo(tmp_path / "elsewhere" / "pipe")
    (tmp_path / "mine" / "runs" / "run" / "link.db").symlink_to(tmp_path / "elsewhere" / "new.db")
    return tmp_path


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("sqlite:///{runs}/mlflow.db", True),
        ("sqlite:///{runs}/empty.db", True),
        ("sqlite:///{runs}/run/deep/mlflow.db", True),
        ("sqlite:///{runs}/store.db", True),
        ("sqlite:///{elsewhere}/store.db", True),
        ("http://evil.example", True),
        ("sqlite:///{runs}/new/mlflow.db", False),
        ("sqlite:///{runs}/../mlflow.db", False),
        ("sqlite:///{elsewhere}/new.db", False),
        ("sqlite:///{runs}/run/link.db", False),
        ("sqlite:///{runs}/other.db", False),
        ("sqlite:///{runs}/run/ledger.db", False),
        ("sqlite:///{elsewhere}/other.db", False),
        ("sqlite:///{elsewhere}", False),
        ("sqlite:///{elsewhere}/pipe", False),
        ("sqlite:///{runs}/mlflow.db?uri=true", False),
        ("sqlite:///file:{elsewhere}/new.db?mode=rwc&uri=true", False),
        ("sqlite+pysqlite:///{elsewhere}/new.db", False),
        ("SQLITE:///{elsewhere}/new.db", False),
        ("sqlite:///" + "x" * 5000, False),
        ("sqlite://", False),
        ("file://{elsewhere}/new", False),
        ("{elsewhere}/new", False),
        (r"C:\elsewhere\new", False),
    ],
)
def test_a_foreign_run_has_no_database_made_elsewhere(
    uri: str, allowed: bool, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, elsewhere = places / "mine" / "runs", places / "elsewhere"
    before = sorted(places.rglob("*"))
    address = uri.format(runs=runs, elsewhere=elsewhere)
    if allowed:
        nothing_made_elsewhere(address, runs / "run")
    else:
        with pytest.raises(TrackingError, match="unless you name it") as refused:
            nothing_made_elsewhere(address, runs / "run")
        assert len(str(refused.value)) < 1000
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        nothing_made_elsewhere(address, runs / "run")
    assert sorted(places.rglob("*")) == before


def test_sync_makes_no_database_that_the_run_alone_names(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, new = places / "mine" / "runs" / "run" / "outbox.jsonl", places / "elsewhere" / "new"
    box = Outbox.open(outbox, f"sqlite:///{new}/mlflow.db", "study")
    box.append([("run:study", RunOpened("study", "study"))])
    with pytest.raises(TrackingError, match=f"MLFLOW_TRACKING_URI=sqlite:///{new}/mlflow.db for"):
        sync(outbox)
    assert not new.exists()
    new.mkdir()
    shutil.copy(places / "elsewhere" / "store.db", new / "mlflow.db")
    assert sync(outbox).delivered == 1


@pytest.mark.parametrize(
    ("uri", "place", "stays"),
    [
        ("sqlite:///{here}/m.db", "file://{here}/mlartifacts/1/x/artifacts", True),
        ("sqlite:///{here}/m.db", "{here}/mlartifacts", True),
        ("sqlite:///{here}/m.db", "file://{here}/../home/.ssh", False),
        ("sqlite:///{here}/m.db", "file:///etc", False),
        ("sqlite:///{here}/m.db", "file://{here}/out", False),
        ("sqlite:///{here}/m.db", "file://{here}/holds", False),
        ("sqlite:///{here}/m.db", "https://evil.example/x", False),
        ("sqlite:///{here}/m.db", "mlflow-artifacts://evil.example/x", False),
        ("file://{here}", "file://{here}/1", False),
        ("http://host", "mlflow-artifacts:/1/x/artifacts", True),
        ("http://host", "http://host:80/x", True),
        ("http://host", "mlflow-artifacts://evil.example/x", False),
        ("http://host", "file://{here}", False),
        ("http://host", "s3://evil/x", False),
        ("http://host", "sftp://evil.example/x", False),
    ],
)
def test_files_stay_with_the_store(uri: str, place: str, stays: bool, tmp_path: Path) -> None:
    here = tmp_path / "run"
    (here / "holds").mkdir(parents=True)
    (here / "out").symlink_to(tmp_path)
    (here / "holds" / "samples").symlink_to(tmp_path)
    assert keeps_to_store(uri.format(here=here), place.format(here=here), "") == stays
    assert not keeps_to_store(f"sqlite:///{here}/m.db", f"file://{here}/mlartifacts", "../../x")


class Server(http.server.BaseHTTPRequestHandler):
    """Says what a hostile MLflow would: a run whose files go into somebody's home."""

    asked: list[str]
    place: str

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(str(self.headers.get("Authorization")))
        info = {"run_id": "r", "run_uuid": "r", "experiment_id": "1", "artifact_uri": self.place}
        info |= {"status": "RUNNING", "lifecycle_stage": "active"}
        experiment = {"experiment_id": "1", "name": "study", "lifecycle_stage": "active"}
        answer = {"experiment": experiment, "run": {"info": info, "data": {}}, "runs": []}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[tuple[str, list[str], Path]]:
    """A server -> its address, what it was given to sign in, the folder it wants written."""
    asked: list[str] = []
    place = tmp_path / "home" / ".ssh"
    handler = type("Handler", (Server,), {"asked": asked, "place": place.as_uri()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked, place
        server.shutdown()
        thread.join()


def test_a_foreign_outbox_gets_no_password_and_writes_nothing_elsewhere(
    hostile: tuple[str, list[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked, place = hostile
    box = Outbox.open(tmp_path / "run" / "outbox.jsonl", url, "study")
    (tmp_path / "run" / "authorized_keys").write_text("a key of theirs")
    added = FileAdded("study", "authorized_keys", "")
    box.append([("run:study", RunOpened("study", "study")), ("file", added)])

    [refusal] = sync(box.path).refused
    assert "files must stay with the store" in refusal
    assert not place.exists()
    assert set(asked) == {"None"}

    before = len(asked)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "the-S3cret")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    with pytest.raises(TrackingError, match=f"MLFLOW_TRACKING_URI={url} for this command"):
        sync(box.path)
    assert len(asked) == before

    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    assert sync(box.path).refused == ()
    assert asked[-1].startswith("Basic ")
    assert (place / "authorized_keys").exists()


def test_an_outbox_cannot_send_its_files_past_its_store(
    uri: str, tmp_path: Path, hostile: tuple[str, list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    url, asked, _ = hostile
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "the-S3cret")
    box = Outbox.open(tmp_path / "run" / "outbox.jsonl", uri, "study")
    (tmp_path / "run" / "a.txt").write_text("a")
    added = FileAdded("study", "a.txt", "")
    box.append([("run:study", RunOpened("study", "study")), ("file", added)])
    MlflowClient(uri).create_experiment("study", f"{url}/x")
    [refusal] = sync(box.path).refused
    assert "files must stay with the store" in refusal
    assert asked == []


def test_a_server_that_forgets_every_run_is_not_told_for_ever(
    hostile: tuple[str, list[str], Path], tmp_path: Path
) -> None:
    url, _, _ = hostile
    box = Outbox.open(tmp_path / "run" / "outbox.jsonl", url, "study")
    added = [(f"file {n}", FileAdded("study", f"{n}.txt", "")) for n in range(4)]
    box.append([("run:study", RunOpened("study", "study")), *added])
    with pytest.raises(TrackingError, match="must keep the runs that it takes"):
        sync(box.path)
