"""One owner per study in a PostgreSQL database, whatever machine it runs on.

The owner's connection holds an advisory lock; the server frees it when the connection ends, so a
killed owner leaves nothing behind. Other servers have no such guard: there the caller sees to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, final

from augsearch.errors import RunDirectoryError
from augsearch.events import Notify, silent
from augsearch.search.ledger.database import engine_options, ledger_url, reach

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

# The server notices within about a minute that the machine of an owner is gone.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
)
_ENDING_S = 1.0
_TRY = "SELECT pg_try_advisory_lock(:key)"
_HOLDER = """
SELECT activity.pid, activity.application_name FROM pg_locks AS held
JOIN pg_stat_activity AS activity USING (pid)
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (held.classid::bigint << 32) | held.objid::bigint = :key
"""


def _connect(url: URL, name: str) -> Connection:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    options = engine_options(url)
    options["connect_args"] = options["connect_args"] | {"application_name": name}
    del options["pool_pre_ping"]
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", **options)
    return engine.connect()


def _key(name: str) -> int:
    """Return the lock's number: PostgreSQL takes a signed one of 64 bits."""
    digest = hashlib.sha256(f"augsearch {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


@contextlib.contextmanager
def creating(url: URL) -> Iterator[None]:
    """Hold off others while Optuna makes its tables: of two at once one would fail."""
    from sqlalchemy import text

    if url.get_backend_name() != "postgresql":
        yield
        return
    with _connect(url, "augsearch") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key("tables")})
        yield


@final
class Ownership:
    """A lock of one name in a database.

    Args:
        url: The database.
        name: What is owned.
    """

    def __init__(self, url: URL, name: str) -> None:
        self._url = url
        self._name = name
        self._key = _key(name)
        host = platform.node()[:24]
        # PostgreSQL cuts at 63 bytes; the end tells this owner from another process of that number.
        self._application = f"process {os.getpid()} on {host}, {uuid.uuid4().hex[:12]}"
        self._connection: Connection | None = None

    def hold(self) -> None:
        """Take the lock, or make sure that it is still held: a server that restarts forgets it.

        Raises:
            RunDirectoryError: Another process holds it; the message says which.
            SQLAlchemyError: The database does not answer.
        """
        from sqlalchemy.exc import SQLAlchemyError

        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._ask("SELECT 1")
                return
            self.release()
        try:
            self._connection = _connect(self._url, self._application)
            self._ask(_KEEPALIVE)
            if not self._take() and not (self._end_remains() and self._take()):
                raise self._taken()
        except BaseException:
            # A connection without the lock would pass for one with it the next time.
            self.release()
            raise

    def _taken(self) -> RunDirectoryError:
        _, holder = self._holder()
        return RunDirectoryError(
            f"{self._name} is in use by {holder.rpartition(',')[0] or 'another process'}: "
            "one process at a time can work on it; wait for it or stop it."
        )

    def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None

    def _ask(self, query: str, **values: int) -> Any:
        from sqlalchemy import text

        if self._connection is None:
            raise ValueError("a lock must be connected to its database: call hold()")
        return self._connection.execute(text(query), values)

    def _take(self) -> bool:
        return bool(self._ask(_TRY, key=self._key).scalar())

    def _holder(self) -> tuple[int, str]:
        """Return process number and name of the connection that holds the lock."""
        for pid, name in self._ask(_HOLDER, key=self._key):
            return int(pid), str(name or "")
        return 0, ""

    def _end_remains(self) -> bool:
        """End a connection of this very owner that is dead, as the server does not know yet."""
        pid, holder = self._holder()
        if holder != self._application:
            return False
        self._ask("SELECT pg_terminate_backend(:pid)", pid=pid)
        time.sleep(_ENDING_S)
        return True


@contextlib.contextmanager
def owned(url: str, name: str, notify: Notify = silent) -> Iterator[Ownership | None]:
    """Own `name` in a database until the block ends; None where the database has no such guard.

    Args:
        url: The database.
        name: What is owned.
        notify: Takes the warning that a server is waited for.

    Raises:
        RunDirectoryError: Another process owns it.
        StorageError: The database does not answer.
    """
    parsed = ledger_url(url)
    if parsed.get_backend_name() != "postgresql":
        yield None
        return
    ownership = Ownership(parsed, name)
    try:
        reach(parsed, ownership.hold, notify)
        yield ownership
    finally:
        ownership.release()
