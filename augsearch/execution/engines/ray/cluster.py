"""A Ray cluster: connecting to it, what its nodes have, and what one call takes of that."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from augsearch.errors import AugsearchError

_PATIENCE = 10.0
"""Seconds that the head of a cluster has to answer."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    name: str
    cpus: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.name} has {self.cpus} CPUs and {self.gpus} GPUs"


@dataclass(frozen=True)
class Share:
    """What one call takes of a node."""

    cpus: int
    gpus: int = 0

    def times_in(self, node: Node) -> int:
        """Return how many such calls a node has room for."""
        rooms = [
            there // taken
            for there, taken in ((node.cpus, self.cpus), (node.gpus, self.gpus))
            if taken
        ]
        return min(rooms, default=0)


def connect(address: str | None) -> bool:
    """Connect to the cluster at `address`, or start one on this machine.

    Args:
        address: Of the head, "host:port" or "auto"; None: what RAY_ADDRESS says, else a cluster of
            this machine alone that ends with the run.

    Returns:
        Whether this call connected; False if the process was connected already.

    Raises:
        AugsearchError: Ray is not installed, or there is no such cluster.
    """
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    if "://" in wanted:
        raise AugsearchError(
            f"--address must be that of a cluster this machine is part of, host:port or auto, but "
            f"got {wanted!r}; from elsewhere, use `augsearch submit STUDY --address "
            "http://HEAD:8265`."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if wanted == "local" and not os.environ.keys() & {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}:
        # Only this process and its children know it; Ray would leave one in the home directory.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ImportError:
        raise AugsearchError(
            "--engine ray needs Ray but it is not installed; pip install 'augsearch[ray]'."
        ) from None
    if ray.is_initialized():
        return False
    if wanted not in ("local", "auto"):
        _reach(wanted)
    try:
        ray.init(
            address=wanted,
            include_dashboard=False if wanted == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise _unreachable(wanted, reason) from error
    return True


def _reach(address: str) -> None:
    """Make sure that somebody answers: Ray itself would go on trying."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str, reason: str) -> AugsearchError:
    return AugsearchError(
        f"--address must be that of a running Ray cluster but connecting to {address!r} failed: "
        f"{reason.rstrip('.')}. Start one with `ray start --head`, join it here with `ray start "
        "--address HEAD:6379`, and give all of them the same token."
    )


def alive_nodes() -> list[Node]:
    """Return the nodes that the cluster has now."""
    import ray

    nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    found = []
    for node in nodes():
        there = node["Resources"]
        if node["Alive"]:
            cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
            found.append(Node(node["NodeManagerHostname"], cpus, gpus))
    return found


def share_of(device: str, threads: int, nodes: Sequence[Node]) -> Share:
    """Return what a call takes: the CPUs of its threads, or one GPU with the CPUs that go with it.

    Raises:
        AugsearchError: No node could ever take such a call.
    """
    if device == "cuda":
        with_gpu = [node.cpus // node.gpus for node in nodes if node.gpus]
        share = Share(cpus=min(threads, max(with_gpu, default=0)), gpus=1)
    else:
        share = Share(cpus=threads)
    if not any(share.times_in(node) for node in nodes):
        raise AugsearchError(
            f"each call needs {_words(share)} of one node of the Ray cluster but there is no such "
            f"node: {has(nodes)}. {_remedy(device)}"
        )
    return share


def has(nodes: Sequence[Node]) -> str:
    """Say what there is."""
    return "; ".join(map(str, nodes)) or "it has no nodes"


def _words(share: Share) -> str:
    cpus = f"{share.cpus} CPU{'' if share.cpus == 1 else 's'}"
    return f"a GPU and {cpus}" if share.gpus else f"{cpus}"


def _remedy(device: str) -> str:
    if device == "cuda":
        return 'Add a node with a GPU, or set device = "cpu".'
    return (
        "A run goes on with the number of threads that it began with; add a node with as many "
        "CPUs, or add --fresh to start anew beside it."
    )
