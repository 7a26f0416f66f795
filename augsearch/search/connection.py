"""Connecting Optuna to the database of a ledger, and runs that are entered in a shared one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from augsearch.events import Notify, silent
from augsearch.files import exclusive
from augsearch.search.database import (
    engine_options,
    ledger_url,
    patiently,
    reach,
    refuse_damaged,
    sqlite_path,
)
from augsearch.search.ownership import creating

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage


@contextlib.contextmanager
def connected(url: str, notify: Notify = silent) -> Iterator[BaseStorage]:
    """Connect to a storage URL; a SQLite file is made, with its folder, and locked.

    Args:
        url: Any that SQLAlchemy and Optuna take.
        notify: Takes the warning that a server is waited for.

    Raises:
        LedgerError: It is no URL.
        RunDirectoryError: Another process holds the SQLite file.
        StorageError: The storage cannot be read or written.
    """
    parsed = ledger_url(url)
    file = sqlite_path(parsed)
    text = parsed.render_as_string(hide_password=False)

    def connect() -> RDBStorage:
        from optuna.storages import RDBStorage

        with creating(parsed):
            return RDBStorage(text, engine_kwargs=engine_options(parsed))

    with contextlib.ExitStack() as stack:
        if file is not None:
            stack.enter_context(exclusive(file.with_name(f"{file.name}.lock"), file))
            refuse_damaged(file)
        storage = reach(parsed, connect, notify)
        stack.callback(storage.engine.dispose)
        stack.callback(storage.remove_session)
        yield storage


def register(storage: str, run: str) -> None:
    """Enter a run in a shared database, as a study without trials, so that it is known again.

    Raises:
        StorageError: The database does not answer.
    """
    import optuna

    with connected(storage) as opened:

        def enter() -> None:
            optuna.create_study(storage=opened, study_name=run, load_if_exists=True)

        patiently(enter)


def is_registered(storage: str, run: str) -> bool:
    """Return whether a run was entered.

    Raises:
        StorageError: The database does not answer.
    """
    import optuna

    with connected(storage) as opened:
        return patiently(lambda: run in optuna.get_all_study_names(opened))
