"""Sends what a run makes to its artifact store, while it runs."""

from __future__ import annotations

import json
import time

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.sharing import IDENTITY
from augsearch.errors import StorageError
from augsearch.events import Event, Notify, StageStarted, Warned
from augsearch.storage import ArtifactStore

_SHARE = 10
"""Within a stage, sending takes at most a tenth of the time."""

_SHORTEST_S = 5.0
_AFTER_FAILURE_S = 60.0


class Keeper:
    """Mirrors a run directory in its store, if it has one; a store that fails disturbs no run.

    Args:
        directory: The run.
        notify: Takes warnings.
    """

    def __init__(self, directory: RunDirectory, notify: Notify) -> None:
        self._directory = directory
        self._store = directory.shared.store
        self._notify = notify
        self._first_try = self._next = 0.0
        self._warned = False

    def listen(self, event: Event) -> None:
        """Send what is new, if it is time; events only say that the run has come further."""
        due = self._first_try if isinstance(event, StageStarted) else self._next
        if self._store is not None and time.monotonic() >= due:
            self._send(self._store)

    def finish(self) -> None:
        """Send all that is left."""
        if self._store is not None and not self._send(self._store):
            self._notify(
                Warned(
                    f"not all files of {self._directory.path} are in the artifact store; nothing "
                    "is lost: the same command sends the rest."
                )
            )

    def _send(self, store: ArtifactStore) -> bool:
        begin = time.monotonic()
        try:
            self._push(store)
        except StorageError as error:
            if not self._warned:
                self._warned = True
                self._notify(Warned(str(error)))
            self._first_try = self._next = time.monotonic() + _AFTER_FAILURE_S
            return False
        now = time.monotonic()
        self._next = now + max(_SHORTEST_S, _SHARE * (now - begin))
        return True

    def _push(self, store: ArtifactStore) -> None:
        own, theirs = self._directory.shared.identity, store.read(IDENTITY)
        if theirs is not None and json.loads(theirs) != own:
            raise StorageError(
                f"another run called {self._directory.path.name!r} has begun in the artifact store "
                "meanwhile, so nothing more is sent there; start with another --out for that."
            )
        store.push(self._directory.path)
