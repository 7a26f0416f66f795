"""One call on a worker: the surroundings that it needs, and what comes back of it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from augsearch.device import has_bf16, pick_device, threads
from augsearch.errors import AugsearchError
from augsearch.events import Advanced, Event, Notify, PictureMade
from augsearch.execution.engines.ray.mailbox import Teller
from augsearch.plugins import plugin_problem
from augsearch.storage import ArtifactStore

_SHARE_EVERY = 60.0
"""Seconds of a call after which what it has made so far is shared."""


@dataclass(frozen=True)
class Arithmetic:
    """What decides the last bits of numbers beside the number of threads."""

    augsearch: str
    torch: str
    has_bf16: bool

    def __str__(self) -> str:
        bf16 = "with" if self.has_bf16 else "without"
        return f"augsearch {self.augsearch} and torch {self.torch}, {bf16} bf16"


@lru_cache
def arithmetic(device: str) -> Arithmetic:
    """Return what this process computes with."""
    return Arithmetic(version("augsearch"), version("torch"), has_bf16(device))


@dataclass(frozen=True)
class Surroundings:
    """What all calls of a run have in common.

    Attributes:
        directory: The run directory, under the same path on all nodes.
        store: Mirrors it, for nodes that do not share it; None: all of them do.
        device: The torch device.
        threads: How many threads to compute with.
        expected: What the run computes with; None: that is what is being found out.
    """

    directory: Path
    store: ArtifactStore | None
    device: str
    threads: int
    expected: Arithmetic | None

    @contextlib.contextmanager
    def files(self) -> Iterator[Callable[[], object]]:
        """Have the run's files here for a while, and share what was made of them.

        Gives what shares them at once.

        Raises:
            AugsearchError: The run directory is not here, and there is no store to fetch it from.
        """
        if self.store is None:
            if not (self.directory / "run.lock").exists():
                raise AugsearchError(
                    f"all nodes of the cluster must see the run directory but {self.directory} is "
                    f"not on {socket.gethostname()}; put it in a folder that they share, with "
                    "--out, or give a store that all of them reach, with --artifacts."
                )
            yield lambda: None
            return
        store, artifacts = _kept(self.store), self.directory / "artifacts"
        store.pull(artifacts)
        try:
            yield lambda: store.push(artifacts)
        finally:
            store.push(artifacts)

    def check(self) -> None:
        """Make sure that this worker computes as the others do.

        Raises:
            AugsearchError: It does not, or lacks the device that its node has for Ray.
        """
        node = socket.gethostname()
        try:
            pick_device(self.device)
        except AugsearchError as error:
            raise AugsearchError(f"node {node} of the Ray cluster: {error}") from error
        here = arithmetic(self.device)
        if self.expected is not None and here != self.expected:
            raise AugsearchError(
                f"all nodes of the cluster must compute alike but {node} has {here}, others have "
                f"{self.expected}; make them alike, or leave {node} out."
            )


class _Listener:
    """Tells what a call tells, and shares its files now and then: a worker may die at any time."""

    def __init__(self, teller: Teller, share: Callable[[], object]) -> None:
        self._teller = teller
        self._share = share
        self._shared = time.monotonic()

    def __call__(self, event: Event) -> None:
        due = isinstance(event, Advanced) and time.monotonic() - self._shared > _SHARE_EVERY
        # A picture has to be there before the controller hears of it.
        if due or isinstance(event, PictureMade):
            self._share()
            self._shared = time.monotonic()
        self._teller(event)


@lru_cache
def _kept(store: ArtifactStore) -> ArtifactStore:
    """Return the same store for all calls in this process: it knows what it has sent."""
    return store


@dataclass(frozen=True)
class Failed:
    """A call ended with an error that the user can put right."""

    error: Exception


def perform(
    surroundings: Surroundings,
    call: Callable[[Any, Notify], Any],
    item: Sequence[Any],
    teller: Teller,
) -> Any | Failed:
    """Make a call with the one item that is given: a task of Ray, made again if a worker dies."""
    try:
        teller.begin()
        surroundings.check()
        with surroundings.files() as share, threads(surroundings.threads):
            (one,) = item
            return call(one, _Listener(teller, share))
    except AugsearchError as error:
        return Failed(error)
    except Exception as error:
        if (said := plugin_problem(error)) is not None:
            return Failed(AugsearchError(said))
        if isinstance(error, OSError):
            return Failed(error)
        raise
