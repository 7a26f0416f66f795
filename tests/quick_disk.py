"""Run by the tests' processes: SQLite and files do not wait until the disk has what they wrote.

That is for power cuts, which no test makes; it takes longer than the rest of many a test. Killed
processes lose nothing. Commands that start in a Python of their own wait as in use.
"""

import contextlib
import os
import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def do_not_wait(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        with contextlib.suppress(sqlite3.DatabaseError):  # a damaged file is the test's subject
            connection.execute("PRAGMA synchronous = OFF")


os.fsync = lambda _file: None
