"""From the name of an engine to the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from augsearch.errors import AugsearchError
from augsearch.execution.engines.base import Engine
from augsearch.execution.engines.local import LOCAL
from augsearch.storage import ArtifactStore

EngineName = Literal["local", "ray"]


@contextlib.contextmanager
def chosen_engine(
    name: EngineName, address: str | None, directory: Path, store: ArtifactStore | None = None
) -> Iterator[Engine]:
    """Give an engine, and let go of all that it holds at the end.

    Args:
        name: "local", this machine alone, or "ray".
        address: Of the Ray cluster; None: see `connect`.
        directory: The run directory.
        store: Mirrors it, if anything does.

    Raises:
        AugsearchError: No engine of that name, or an address without a cluster to go to.
    """
    if name not in get_args(EngineName):
        known = " or ".join(map(repr, get_args(EngineName)))
        raise AugsearchError(f"engine must be {known} but got {name!r}.")
    if name == "local":
        if address is not None:
            raise AugsearchError(
                f"--address must go with --engine ray but got {address!r} for this machine alone; "
                "add --engine ray, or leave the address out."
            )
        yield LOCAL
        return
    from augsearch.execution.engines.ray.engine import RayEngine

    engine = RayEngine(directory, address, store)
    try:
        yield engine
    finally:
        engine.close()
