"""Connecting Optuna to the database of a ledger, and runs that are entered in a shared one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from augsearch.events import Notify, silent
from augsearch.files import exclusive
from augsearch.search.ledger.database import (
    engine_options,
    ledger_url,
    no_storage,
    patiently,
    reach,
    refuse_damaged,
    sqlite_path,
)
from augsearch.search.ledger.ownership import Ownership, creating, owned
from augsearch.search.settings import Direction

if TYPE_CHECKING:
    from optuna import Study
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


@contextlib.contextmanager
def opened_study(
    storage: str | BaseStorage | None,
    study_name: str,
    direction: Direction,
    notify: Notify = silent,
) -> Iterator[tuple[Study, Ownership | None]]:
    """Open a study of Optuna, or create it, and own it until the block ends.

    Args:
        storage: An Optuna storage or its URL; None keeps the study in memory.
        study_name: Which study of the storage.
        direction: "maximize" or "minimize", of a study that is created.
        notify: Takes the warning that a database server is waited for.

    Returns:
        The study, and what owns it; None where its storage has no such guard.

    Raises:
        LedgerError: `storage` is neither a storage nor a URL.
        RunDirectoryError: Another process holds the SQLite file, or the study on PostgreSQL.
        StorageError: The storage cannot be read or written.
    """
    import optuna

    with contextlib.ExitStack() as stack:
        owner = None
        if isinstance(storage, str):
            owner = stack.enter_context(owned(storage, f"study {study_name!r}", notify))
            storage = stack.enter_context(connected(storage, notify))
        elif storage is not None and not isinstance(storage, optuna.storages.BaseStorage):
            raise no_storage(storage)

        def load() -> Study:
            return optuna.create_study(
                storage=storage,
                study_name=study_name,
                direction=direction,
                load_if_exists=True,
                # The default would load and fit a model, if only to be put aside.
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

        yield patiently(load, notify=notify), owner


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
