"""The database behind a ledger: its URL, its errors by name, and waiting for it to come back."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from augsearch.errors import AugsearchError, StorageError
from augsearch.events import Disturbed, Notify, silent
from augsearch.messages import masked
from augsearch.silence import Silence

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

Result = TypeVar("Result")

PATIENCE_S = 60.0
"""How long a database that has answered before is waited for."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0

_SERVER_OPTIONS: dict[str, dict[str, Any]] = {
    # A connection to a machine that is gone is given up within about a minute.
    "psycopg": {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    },
}
"""Driver -> what it is told on connecting."""


_optuna_quiet = Silence("optuna", below=logging.WARNING, warned=True)

_answered: set[URL] = set()
"""Databases that have answered in this process."""


class LedgerError(AugsearchError, ValueError):
    """A stored study that does not go with the search that is asked for, or no storage at all."""


class LostConnectionError(StorageError):
    """A database server that does not answer, or not any more."""


def no_storage(given: object) -> LedgerError:
    """Return the error to raise for what is neither a storage nor the URL of one."""
    return LedgerError(
        f"storage must be an Optuna storage or its URL but got {given!r}; "
        'a file is written "sqlite:///search.db", a server "postgresql://user@host/database".'
    )


def ledger_url(url: str) -> URL:
    """Return a storage's URL in parts; PostgreSQL gets the driver that augsearch[postgres] brings.

    Raises:
        LedgerError: It is no URL.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise no_storage(masked(url)) from None
    driver = "postgresql+psycopg" if parsed.drivername == "postgresql" else parsed.drivername
    return parsed.set(drivername=driver)


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite URL; None for servers and for memory."""
    sqlite = url.get_backend_name() == "sqlite"
    if not sqlite or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database)


def engine_options(url: URL) -> dict[str, Any]:
    """Return what SQLAlchemy is told about a database."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 60}}
    # A connection that broke while nobody used it is replaced without a word.
    return {"pool_pre_ping": True, "connect_args": _SERVER_OPTIONS.get(url.get_driver_name(), {})}


def patiently(
    call: Callable[[], Result],
    *,
    again: Callable[[], object] = lambda: None,
    notify: Notify = silent,
) -> Result:
    """Call Optuna; if the connection to the database is lost, wait for it and call once more.

    Args:
        call: May have been carried out although it failed: the answer may have been lost.
        again: Called before every further attempt, to find out what the failed one has done.
        notify: Takes one warning.

    Raises:
        LostConnectionError: The database has not come back within `PATIENCE_S` seconds.
        StorageError: Something else is wrong.
    """
    deadline, pause, failed = 0.0, _FIRST_PAUSE_S, False
    while True:
        try:
            with calling_optuna():
                if failed:
                    again()
                return call()
        except LostConnectionError as error:
            if not failed:
                deadline, failed = time.monotonic() + PATIENCE_S, True
                words = f"the search's ledger does not answer and is waited for: {error}"
                notify(Disturbed(words))
            elif time.monotonic() >= deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def reach(url: URL, call: Callable[[], Result], notify: Notify = silent) -> Result:
    """Call what connects to a database; it is only waited for if it has answered before.

    A wrong password or address is named at once, and a server that restarts between two searches
    ends no run.

    Raises:
        LostConnectionError: The database does not answer.
    """
    if url in _answered:
        return patiently(call, notify=notify)
    with calling_optuna():
        result = call()
    _answered.add(url)
    return result


def damaged(reason: str) -> StorageError:
    """Return the error to raise where a ledger holds what nobody wrote there."""
    return StorageError(
        f"the search's ledger is damaged: {reason}. Put a copy of it back, or remove it (a run's "
        "is ledger.db): the same trainings then give the same scores again."
    )


def refuse_damaged(file: Path) -> None:
    """Look through a whole SQLite file, if it is there; SQLite itself sees only what it reads.

    Raises:
        StorageError: It is not what SQLite left.
    """
    if not file.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            found = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return  # cannot be read at all: who opens it next says why
    except sqlite3.DatabaseError as error:
        raise damaged(str(error)) from error
    if found != "ok":
        raise damaged(" ".join(found.split())[:200])


@contextlib.contextmanager
def calling_optuna() -> Iterator[None]:
    """For the length of a call, mute Optuna below warnings and name its storage errors.

    Raises:
        LostConnectionError: The database server does not answer.
        StorageError: The storage is damaged, cannot be read or written, or its driver is not
            installed.
    """
    import optuna
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        with _optuna_quiet:
            yield
    except (NoSuchModuleError, ImportError) as error:
        lacking = masked(str(error)).rstrip(".")
        raise StorageError(
            f"the search's ledger needs a database driver that is not there: {lacking}. "
            "For PostgreSQL: pip install 'augsearch[postgres]'."
        ) from error
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
        reason = masked(str(error.__cause__ or error).splitlines()[0])
        if _lost(error):
            raise LostConnectionError(
                f"the search's ledger cannot be reached: {reason}. See that the database runs and "
                "lets you in; the same call then goes on where it stopped."
            ) from error
        if _is_damaged(error):
            raise damaged(reason) from error
        raise StorageError(
            f"the search's ledger cannot be read or written: {reason}. Free some space or choose "
            "another storage; the same call then goes on where it stopped."
        ) from error
    except (LookupError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(" ".join(str(error).split())[:200]) from error


def _is_damaged(error: BaseException | None) -> bool:
    """Return whether a SQLite file is not what SQLite left."""
    from sqlalchemy.exc import DBAPIError

    while error is not None:
        # A full disk or a locked file is an OperationalError, one of its subclasses.
        if isinstance(error, DBAPIError) and type(error.orig) is sqlite3.DatabaseError:
            return True
        error = error.__cause__
    return False


_BROKEN_TRANSACTION = "8s2b"
"""SQLAlchemy's code for a transaction whose connection is gone."""


def _lost(error: BaseException | None) -> bool:
    """Return whether a server is behind an error that waiting may cure."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError

    while error is not None:
        # Optuna passed over a broken connection and went on in the same transaction.
        if isinstance(error, PendingRollbackError) and error.code == _BROKEN_TRANSACTION:
            return True
        if isinstance(error, DBAPIError) and not isinstance(error.orig, sqlite3.Error):
            passing = isinstance(error, OperationalError | InterfaceError)
            return error.connection_invalidated or passing
        error = error.__cause__
    return False
