"""What a run shares with other machines: its trials in a database, its files in a store.

Both are matters of the place where a study runs, not of the study. The run's identity ties them
together: whoever fetches it from the artifact store goes on with the same run, and its trials lie
under it in the database. All of this is nothing where no stores are given.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from augsearch.errors import RunDirectoryError
from augsearch.events import Notify, silent
from augsearch.files import read_json, replacing, write_json
from augsearch.messages import masked
from augsearch.storage import ArtifactStore

if TYPE_CHECKING:
    from augsearch.search.ledger.ownership import Ownership

IDENTITY = "identity.json"
_LEDGER = "ledger.json"
"""Says that the run keeps its trials in a shared database; which one may change its address."""
_GROWING = ("log.jsonl", "outbox.jsonl")
"""Files that every machine appends to."""


@dataclass(frozen=True)
class Stores:
    """Where a run keeps what several machines share.

    Attributes:
        ledger: URL of a database for its trials; None: a SQLite file in the run directory.
        artifacts: URL of a store for its files; None: the run directory alone.
    """

    ledger: str | None = field(default=None, repr=False)
    artifacts: str | None = field(default=None, repr=False)

    def store_of(self, run: Path) -> ArtifactStore | None:
        """Return the store of a run's files: a folder of its name."""
        if self.artifacts is None:
            return None
        return ArtifactStore(f"{self.artifacts.rstrip('/')}/{run.name}", run)

    def of(self, run: Path) -> Stores:
        """Return these stores as far as an existing run uses them."""
        return self if (run / _LEDGER).exists() else replace(self, ledger=None)


NO_STORES = Stores()


def _whole_lines(content: bytes) -> list[bytes]:
    """Return the lines of a file but the last one, if a kill has torn it."""
    return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


class Sharing:
    """A run's share in the stores.

    Attributes:
        store: Where its files are mirrored, if anywhere.
    """

    def __init__(self, path: Path, stores: Stores) -> None:
        self._path = path
        self._stores = stores
        self._fetched: set[Path] = set()
        self._owner: Ownership | None = None
        self.store = stores.store_of(path)

    @property
    def identity(self) -> str:
        """What tells this run from all others, wherever it goes on; made when first asked for."""
        path = self._path / IDENTITY
        if not path.exists():
            write_json(path, f"{self._path.name}-{secrets.token_hex(6)}")
        return str(read_json(path))

    @property
    def ledger_url(self) -> str:
        """The Optuna storage that holds every trial."""
        return self._stores.ledger or f"sqlite:///{self._path / 'ledger.db'}"

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger: the file, or the database of a run that was entered there."""
        kept = _LEDGER if self._stores.ledger else "ledger.db"
        return (self._path / kept).exists()

    def study_name(self, name: str) -> str:
        """Return what the trials of `name` are called in the ledger."""
        return f"{self.identity}/{name}" if self._stores.ledger else name

    def fetch(self, folder: Path) -> None:
        """Fetch a folder's files that are not here, once."""
        if self.store is not None and folder not in self._fetched:
            self.store.pull(folder)
            self._fetched.add(folder)

    def adopt(self) -> None:
        """Take on the identity of the run that the artifact store holds under this name.

        Raises:
            RunDirectoryError: There is another run in the directory.
            StorageError: The store does not answer.
        """
        theirs = self.store.read(IDENTITY) if self.store is not None else None
        if theirs is None:
            return
        if not (self._path / "study.json").exists():
            write_json(self._path / IDENTITY, json.loads(theirs))
        elif json.loads(theirs) != self.identity:
            raise RunDirectoryError(
                f"{self._path} must be the run that its artifact store holds but "
                f"{masked(str(self._stores.artifacts))} has another one called "
                f"{self._path.name!r}; add --fresh, or choose another --out or --artifacts."
            )

    def join(self, notify: Notify = silent) -> None:
        """Fetch what the artifact store has of the run, all but its artifacts.

        Raises:
            StorageError: The store does not answer.
        """
        if self.store is not None:
            for name in _GROWING:
                self._learn(name, self.store)
            self.store.pull(self._path, deep=False, notify=notify)
            for name in ("tables", "figures"):
                self.store.pull(self._path / name, notify=notify)

    def _learn(self, name: str, store: ArtifactStore) -> None:
        """Append what another machine has appended since the run was here last."""
        path = self._path / name
        theirs = store.read(name) if path.exists() else None
        if theirs is not None:
            here = _whole_lines(path.read_bytes())
            known = set(here)
            new = [line for line in _whole_lines(theirs) if line not in known]
            if new:
                with replacing(path) as temporary:
                    temporary.write_bytes(b"".join([*here, *new]))

    def check_ledger(self) -> None:
        """Make sure that the run's trials are where it is to go on, and that this answers.

        Raises:
            RunDirectoryError: They are not; the message says which way round.
            StorageError: The database does not answer.
        """
        from augsearch.search.ledger.connection import is_registered
        from augsearch.search.ledger.database import ledger_url

        url, path = self._stores.ledger, self._path
        elsewhere = (path / _LEDGER).exists()
        if url is None:
            if elsewhere:
                raise RunDirectoryError(
                    f"{path} keeps its trials in a shared database but none is given; give it with "
                    "--ledger or AUGSEARCH_LEDGER."
                )
            return
        database = ledger_url(url)
        if database.get_backend_name() == "sqlite" and database.database in (None, "", ":memory:"):
            raise RunDirectoryError(
                f"--ledger must be a database that outlives the run but got {masked(url)}; name a "
                "file, sqlite:///trials.db, or postgresql://user@host/database."
            )
        if not elsewhere and (path / "study.json").exists():
            raise RunDirectoryError(
                f"{path} was begun with its trials in ledger.db and must go on there, but the "
                f"ledger is to be {masked(url)}; leave --ledger (or AUGSEARCH_LEDGER) out, or add "
                "--fresh to start anew beside it."
            )
        # Asked for a new run too: whether the database answers is known before anything is done.
        known = is_registered(url, self.identity)
        if elsewhere and not known:
            raise RunDirectoryError(
                f"the trials of {path} must be in its database but {masked(url)} does not know "
                f"run {self.identity!r}; give the database that the run was begun with."
            )

    def begin(self) -> None:
        """Enter the run in the shared database, if it has one; may be repeated."""
        from augsearch.search.ledger.connection import register

        if self._stores.ledger is not None and not (self._path / _LEDGER).exists():
            register(self._stores.ledger, self.identity)
            write_json(self._path / _LEDGER, {"shared": True})

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Own the run among all machines that share its database (PostgreSQL), for a block.

        Raises:
            RunDirectoryError: A process on this or another machine owns it.
            StorageError: The database does not answer.
        """
        if self._stores.ledger is None:
            yield
            return
        from augsearch.search.ledger.ownership import owned

        with owned(self._stores.ledger, f"run {self.identity!r}") as self._owner:
            yield
        self._owner = None

    def still_owned(self, notify: Notify = silent) -> None:
        """Make sure that nobody else took the run over while the database was away.

        Raises:
            RunDirectoryError: Somebody did.
            StorageError: The database does not come back.
        """
        if self._owner is not None:
            from augsearch.search.ledger.database import patiently

            patiently(self._owner.hold, notify=notify)
