"""Tracking URIs: what they point at, how they are shown, and the lock around a new SQLite store."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from augsearch.errors import TrackingError
from augsearch.files import real_path
from augsearch.messages import command_line, masked

_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"
_CREATION_S = 60.0


def sqlite_uri(database: Path) -> str:
    """Return the tracking URI of a SQLite file, absolute, so that it holds in every folder."""
    with contextlib.suppress(RuntimeError):  # of an unknown user: then it is a folder's name
        database = database.expanduser()
    return _SQLITE + str(real_path(database))


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite tracking URI; None for other stores and for memory.

    Example:
        >>> sqlite_file("sqlite:////data/mlflow.db").as_posix()
        '/data/mlflow.db'
        >>> sqlite_file("http://127.0.0.1:5000") is None
        True
    """
    name = uri.removeprefix(_SQLITE).partition("?")[0]
    is_file = uri.startswith(_SQLITE) and name not in ("", ":memory:") and "\0" not in name
    return Path(name) if is_file else None


def absolute_uri(uri: str) -> str:
    """Return `uri` with a relative SQLite path made absolute; other URIs stay as they are."""
    file = sqlite_file(uri)
    if file is None or file.is_absolute():
        return uri
    options = uri.partition("?")[2]
    return sqlite_uri(file) + (f"?{options}" if options else "")


def artifact_location(uri: str) -> str | None:
    """Return where a new experiment's files go: beside a SQLite file; None leaves it to the server.

    MLflow's own default for a SQLite store is a folder in whatever directory the command was
    started from. All experiments share one folder, in which every run has its own.

    Example:
        >>> artifact_location("sqlite:////my data/mlflow.db")
        'file:///my%20data/mlartifacts'
    """
    file = sqlite_file(absolute_uri(uri))
    return None if file is None else (file.parent / "mlartifacts").as_uri()


def ui_command(uri: str) -> str:
    """Return what shows the runs: a command to paste, or the server's own address.

    Example:
        >>> ui_command("http://127.0.0.1:5000")
        'http://127.0.0.1:5000'
    """
    if uri.startswith(("http://", "https://")):
        return masked(uri)
    # An environment that is not activated has its commands off the PATH, beside its Python.
    beside = shutil.which("mlflow", path=Path(sys.executable).parent)
    mlflow = "mlflow" if shutil.which("mlflow") or beside is None else beside
    return command_line([mlflow, "ui", "--backend-store-uri", absolute_uri(uri)])


@contextlib.contextmanager
def creating(uri: str) -> Iterator[None]:
    """Hold off other processes while a SQLite store is looked at and perhaps created.

    Several processes that create the same store at once break each other ("table experiments
    already exists"); other kinds of store need no guard.

    Raises:
        TrackingError: Another process held the lock for a minute, or something else is there.
    """
    file = sqlite_file(uri)
    if file is None:
        yield
        return
    _check_kind(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = file.with_name(file.name + ".lock")
    with held(lock, _CREATION_S, f"another process has been creating {file}"):
        yield


def _check_kind(file: Path) -> None:
    """Refuse what is no database, before a lock lies beside it: MLflow would try for minutes."""
    found = "a folder" if file.is_dir() else "a device or a pipe"
    if file.is_file():
        with file.open("rb") as opened:
            if opened.read(len(_MAGIC)) in (_MAGIC, b""):
                return
        found = "another kind of file"
    elif not file.exists():
        return
    raise TrackingError(
        f"a SQLite store of MLflow must be a database or not there yet but {file} is {found}; "
        "name another place."
    )


@contextlib.contextmanager
def held(path: Path, timeout_s: float, otherwise: str) -> Iterator[None]:
    """Hold the lock file `path`, waiting for it at most `timeout_s` seconds.

    Raises:
        TrackingError: It stayed taken; the message starts with `otherwise`.
    """
    try:
        acquired = FileLock(path).acquire(timeout=timeout_s)
    except Timeout:
        raise TrackingError(
            f"{otherwise} for more than {timeout_s:g} s ({path} is locked); "
            "wait for it to end or stop it, then try again."
        ) from None
    with acquired:
        yield
