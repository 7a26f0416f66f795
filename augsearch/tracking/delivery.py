"""From the outbox to MLflow: how far delivery has come, and `sync`, which finishes it later.

The cursor is saved after the store has taken the entries. A kill between the two makes the same
entries go out twice, which changes nothing (see `experiment`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from augsearch.errors import StorageError, TrackingError
from augsearch.events import Notify, Warned, silent
from augsearch.files import read_json, write_json
from augsearch.messages import cut, masked
from augsearch.tracking.experiment import Experiment
from augsearch.tracking.outbox import Outbox, cursor_path, damaged
from augsearch.tracking.refusals import reason, refused
from augsearch.tracking.store import held

_Count = Annotated[int, Field(ge=0)]

_CHUNK = 500
_LOCK_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Cursor:
    """How far delivery has come.

    Attributes:
        store: What it speaks of: store, experiment and the run directory's own name in them.
        delivered: The first so many entries are done with.
        sending: The store may have the first so many.
        runs: Key of a run in the study -> MLflow's run id.
        refused: Those among them, by index, that the store would not take.
    """

    store: str
    delivered: _Count = 0
    sending: _Count = 0
    runs: dict[str, str] = field(default_factory=dict)
    refused: tuple[_Count, ...] = ()

    @classmethod
    def load(cls, path: Path, store: str) -> Cursor:
        """Read the cursor of a store; if there is none, or a damaged one, delivery begins anew."""
        cursor = _last(path)
        return cursor if cursor and cursor.store == store else cls(store)

    def sent(self, study_run: str) -> int:
        """Return how many entries of that outbox a store may have, whatever store it was."""
        is_its_own = self.store.endswith(f" {study_run}")
        return max(self.delivered, self.sending) if is_its_own else 0


_CURSOR = TypeAdapter(Cursor)


def _last(path: Path) -> Cursor | None:
    try:
        return _CURSOR.validate_python(read_json(path))
    except (StorageError, ValidationError):
        return None


@dataclass(frozen=True)
class SyncReport:
    """What `sync` did.

    Attributes:
        uri: The store, without passwords.
        delivered: Entries that were sent now.
        total: Entries in the outbox.
        refused: Names of entries that the store would not take, each with its reason.
    """

    uri: str
    delivered: int
    total: int
    refused: tuple[str, ...] = ()


class Delivery:
    """Brings the entries of an outbox to the store, in order."""

    def __init__(self, outbox: Outbox, notify: Notify = silent, foreign: bool = False) -> None:
        """Read how far it has come.

        Args:
            outbox: What is delivered.
            notify: Takes warnings.
            foreign: Whether the run may be somebody else's, as in `experiment`.

        Raises:
            TrackingError: The outbox lacks what was sent.
        """
        self._outbox = outbox
        self._notify = notify
        self._experiment = Experiment(outbox.destination, outbox.path.parent.resolve(), foreign)
        self._file = cursor_path(outbox.path)
        target = outbox.destination
        self._store = f"{masked(target.uri)} {target.experiment} {target.study_run}"
        self._cursor = Cursor.load(self._file, self._store)
        # Of the last cursor, even if the run or its store has moved: an outbox only grows.
        last, left = _last(self._file), len(outbox.entries)
        if last and (sent := last.sent(target.study_run)) > left:
            raise damaged(outbox.path, f"{sent} entries were sent but {left} are there")
        self._limit = _CHUNK
        self._suspect: int | None = None
        self._anew = False

    @property
    def undelivered(self) -> int:
        """Entries that are not in the store."""
        waiting = len(self._outbox.entries) - self._cursor.delivered
        return max(0, waiting) + len(self._cursor.refused)

    def recheck(self) -> None:
        """Ask the store whether it still has the runs; go back to what it lacks or refused."""
        with self._locked():
            self._cursor = Cursor.load(self._file, self._store)
            self._connect()
            if self._cursor.refused:
                first = min(self._cursor.refused)
                self._save(replace(self._cursor, delivered=first, refused=()))

    def drain(self) -> int:
        """Deliver until nothing is left; return how many entries were sent.

        Raises:
            Exception: The store does not answer; what it took so far is remembered.
        """
        if self._cursor.delivered >= len(self._outbox.entries):
            return 0
        sent = 0
        self._anew = False
        with self._locked():
            # Another process may have delivered in the meantime.
            self._cursor = Cursor.load(self._file, self._store)
            self._experiment.run_ids.update(self._cursor.runs)
            try:
                while self._cursor.delivered < len(self._outbox.entries):
                    sent += self._step()
            except Exception:
                self._experiment.disconnect()
                raise
        return sent

    def _locked(self) -> AbstractContextManager[None]:
        lock = self._outbox.path.with_suffix(".lock")
        return held(lock, _LOCK_TIMEOUT_S, f"another process has been sending {self._outbox.path}")

    def _connect(self) -> None:
        if not self._experiment.connected and not self._experiment.connect(self._cursor.runs):
            if self._anew:  # or it would go on for ever
                raise TrackingError(
                    "a store must keep the runs that it takes but has lost them twice meanwhile; "
                    "look at that server, then try again."
                )
            self._anew = True
            # Kept, or `drain` would read again that all of it is there.
            self._save(Cursor(self._store, sending=self._cursor.sending))

    def _step(self) -> int:
        """Send one chunk, return its length.

        A chunk that is refused is halved until one entry is left, each time after a look at which
        runs are there (somebody may have deleted one); an entry refused twice is passed over.
        """
        self._connect()
        start = self._cursor.delivered
        chunk = self._outbox.entries[start : start + self._limit]
        # A power cut must not leave a cursor that is ahead of the outbox.
        self._outbox.flush()
        if start + len(chunk) > self._cursor.sending:
            self._save(replace(self._cursor, sending=start + len(chunk)))
        try:
            self._experiment.deliver(chunk)
        except Exception as error:
            self._limit = max(1, len(chunk) // 2)  # a slow store may need smaller chunks as well
            if not refused(error):
                raise
            self._experiment.disconnect()
            if self._suspect == start:
                self._pass_over(start, error)
            elif len(chunk) == 1:
                self._suspect = start
            return 0
        self._limit = min(2 * self._limit, _CHUNK)
        runs = dict(self._experiment.run_ids)
        self._save(replace(self._cursor, delivered=start + len(chunk), runs=runs))
        return len(chunk)

    def _pass_over(self, index: int, error: Exception) -> None:
        refusals = (*self._cursor.refused, index)
        self._save(replace(self._cursor, delivered=index + 1, refused=refusals))
        name = self._outbox.entries[index].id
        self._notify(Warned(f"MLflow did not take {name}: {reason(error)}"))

    def _save(self, cursor: Cursor) -> None:
        write_json(self._file, asdict(cursor))
        self._cursor = cursor


def sync(outbox: Path) -> SyncReport:
    """Deliver what is left in the outbox of a run.

    Args:
        outbox: The run's outbox.jsonl.

    Raises:
        TrackingError: The store does not answer, there is no outbox, or the outbox alone has named
            a server at which MLflow would sign in, or a database that it would have to make.
    """
    box = Outbox(outbox)
    shown = cut(masked(box.destination.uri), 500)
    messages: list[str] = []

    def note(event: object) -> None:
        if isinstance(event, Warned):
            messages.append(event.message)

    delivery = Delivery(box, note, foreign=True)
    try:
        delivery.recheck()
        delivered = delivery.drain()
    except TrackingError:
        raise
    except Exception as error:
        raise TrackingError(
            f"MLflow at {shown} must take the entries of {outbox} but does not: {reason(error)}. "
            f"{delivery.undelivered} of {len(box.entries)} are still to be sent; nothing is lost: "
            "put that right or start the server, and try again."
        ) from error
    return SyncReport(shown, delivered, len(box.entries), tuple(messages))
