"""Run by the tests' processes: what costs time with a database or a file and is no test's subject.

SQLite and files do not wait until the disk has what they wrote. That is for power cuts, which no
test makes; killed processes lose nothing. MLflow makes the tables of a new SQLite file in fifty
migrations, a second's work, once in a process; later files begin as a copy of what the first one
was then. Optuna and MLflow compare a file's version with those of their migrations, programs that
are loaded anew for every connection: here once in a process. Commands that start in a Python of
their own have all of it as in use.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Engine

ORIGINAL: list[Callable[[Engine], None]] = []
"""MLflow's function that makes tables, once MLflow is loaded."""

NEW_STORE: list[bytes] = []
"""MLflow's SQLite file as it was when that had just made the tables."""

LOAD = ScriptDirectory.from_config

MIGRATIONS: dict[str | None, ScriptDirectory] = {}
"""Folder -> the migrations in it."""


@event.listens_for(Engine, "connect")
def take_shortcuts(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        with contextlib.suppress(sqlite3.DatabaseError):  # a damaged file is the test's subject
            connection.execute("PRAGMA synchronous = OFF")
    # MLflow connects before it makes tables, and is not loaded for this.
    mlflow = sys.modules.get("mlflow.store.db.utils")
    if mlflow and not ORIGINAL:
        ORIGINAL.append(mlflow._initialize_tables)
        mlflow._initialize_tables = make_tables


def make_tables(engine: Engine) -> None:
    """Make MLflow's tables in an empty database."""
    with contextlib.closing(engine.raw_connection()) as pooled:
        file = pooled.driver_connection
        if not isinstance(file, sqlite3.Connection):
            ORIGINAL[0](engine)
        elif NEW_STORE:
            with contextlib.closing(sqlite3.connect(":memory:")) as memory:
                memory.deserialize(NEW_STORE[0])
                memory.backup(file)
        else:
            ORIGINAL[0](engine)
            NEW_STORE.append(file.serialize())


def migrations(config: Config) -> ScriptDirectory:
    """Return those of a folder, loaded once."""
    folder = config.get_main_option("script_location")
    if folder not in MIGRATIONS:
        MIGRATIONS[folder] = LOAD(config)
    return MIGRATIONS[folder]


ScriptDirectory.from_config = migrations
os.fsync = lambda _file: None
