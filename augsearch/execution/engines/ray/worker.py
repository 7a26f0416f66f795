"""One call on a worker: the surroundings that it needs, and what comes back of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from augsearch.device import has_bf16, threads
from augsearch.errors import AugsearchError
from augsearch.events import Notify
from augsearch.execution.engines.ray.mailbox import Teller


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
        directory: The run directory; every worker must see it under the same path.
        device: The torch device.
        threads: How many threads to compute with.
        expected: What the run computes with; None: that is what is being found out.
    """

    directory: Path
    device: str
    threads: int
    expected: Arithmetic | None

    def check(self) -> None:
        """Make sure that this worker can work for the run.

        Raises:
            AugsearchError: It cannot see the run directory, or computes otherwise.
        """
        node = socket.gethostname()
        if not (self.directory / "run.lock").exists():
            raise AugsearchError(
                f"all nodes of the cluster must see the run directory but {self.directory} is not "
                f"on {node}; put it in a folder that they share, with --out."
            )
        here = arithmetic(self.device)
        if self.expected is not None and here != self.expected:
            raise AugsearchError(
                f"all nodes of the cluster must compute alike but {node} has {here}, others have "
                f"{self.expected}; make them alike, or leave {node} out."
            )


@dataclass(frozen=True)
class Done:
    """A call came to its end."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """A call ended with an error that the user can put right."""

    error: Exception


def perform(
    surroundings: Surroundings,
    call: Callable[[Any, Notify], Any],
    item: Sequence[Any],
    teller: Teller,
) -> Done | Failed:
    """Make a call with the one item that is given: a task of Ray, made again if a worker dies."""
    try:
        teller.begin()
        surroundings.check()
        with threads(surroundings.threads):
            (one,) = item
            return Done(call(one, teller))
    except (AugsearchError, OSError) as error:
        return Failed(error)
