"""Runs in a shared database: each is entered as a study without trials, under its identity."""

from __future__ import annotations

import optuna

from augsearch.events import Notify, silent
from augsearch.search.connection import connected
from augsearch.search.database import patiently


def register(storage: str, run: str, notify: Notify = silent) -> None:
    """Enter a run, so that it is known again.

    Raises:
        StorageError: The database does not answer.
    """
    with connected(storage, notify) as opened:

        def enter() -> None:
            optuna.create_study(storage=opened, study_name=run, load_if_exists=True)

        patiently(enter, notify=notify)


def is_registered(storage: str, run: str, notify: Notify = silent) -> bool:
    """Return whether a run was entered.

    Raises:
        StorageError: The database does not answer.
    """
    with connected(storage, notify) as opened:
        return patiently(lambda: run in optuna.get_all_study_names(opened), notify=notify)
