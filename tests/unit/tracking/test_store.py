import os
import shlex
import shutil
import threading
from pathlib import Path

import pytest

from augsearch.errors import TrackingError
from augsearch.tracking import store


def test_a_relative_sqlite_file_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert store.absolute_uri("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert store.absolute_uri("sqlite:///a.db?timeout=9") == f"sqlite:///{tmp_path}/a.db?timeout=9"


def test_a_path_that_leads_nowhere_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    for name in ("loop/mlflow.db", "~nobody-of-this-name/mlflow.db"):
        assert store.absolute_uri(f"sqlite:///{name}") == f"sqlite:///{tmp_path}/{name}"


@pytest.mark.parametrize("uri", ["http://host:5000", "postgresql://u:p@h/db", "sqlite:////a/b.db"])
def test_other_uris_stay(uri: str) -> None:
    assert store.absolute_uri(uri) == uri


def test_the_ui_command_survives_a_shell(tmp_path: Path) -> None:
    uri = store.sqlite_uri(tmp_path / "my runs; $HOME" / "mlflow.db")
    command, *arguments = shlex.split(store.ui_command(uri))
    assert arguments == ["ui", "--backend-store-uri", uri]
    assert shutil.which(command)  # also where the environment is not activated


@pytest.mark.parametrize("what", ["a folder", "a device or a pipe", "another kind of file"])
def test_what_is_no_database_is_refused_before_anything_lies_beside_it(
    tmp_path: Path, what: str
) -> None:
    place = tmp_path / "there"
    if what == "a folder":
        place.mkdir()
    elif what == "another kind of file":
        place.write_text("text")
    else:
        os.mkfifo(place)
    with pytest.raises(TrackingError, match=f"is {what}"), store.creating(store.sqlite_uri(place)):
        pytest.fail("it was not refused")
    assert list(tmp_path.iterdir()) == [place]


def test_passwords_are_not_shown() -> None:
    assert "secret" not in store.ui_command("https://ann:secret@host/")


def test_artifacts_lie_beside_a_sqlite_file() -> None:
    assert store.artifact_location("sqlite:////a/b.db") == "file:///a/mlartifacts"
    assert store.artifact_location("http://host") is None


def test_artifacts_lie_beside_a_file_that_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = (tmp_path / "a" / "mlartifacts").as_uri()
    assert store.artifact_location("sqlite:///a/b.db") == wanted


def test_one_at_a_time_creates_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_CREATION_S", 0.2)
    uri = store.sqlite_uri(tmp_path / "new" / "mlflow.db")
    inside, leave = threading.Event(), threading.Event()

    def create() -> None:
        with store.creating(uri):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=create)
    thread.start()
    assert inside.wait(10)
    try:
        with pytest.raises(TrackingError, match="another process"), store.creating(uri):
            pass
    finally:
        leave.set()
        thread.join()
    with store.creating(uri):
        pass
