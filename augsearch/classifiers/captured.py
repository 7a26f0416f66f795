"""Work on a CUDA device recorded once as a graph and launched as one from then on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3
"""Calls before the recording, for what is made at the first use (optimiser states, libraries'
workspaces)."""


class Captured:
    """Does what `run` does; after the first calls by replaying its recording.

    The first calls are like any other, so that nothing is to be undone. Random numbers of a replay
    follow the device's generator, seeded or not since the recording.

    Args:
        run: Takes and returns one tensor on a CUDA device. It neither waits for the device nor
            allocates what must outlive the next call. What it reads and changes besides stays where
            it is in memory.
    """

    def __init__(self, run: Callable[[Tensor], Tensor]) -> None:
        self._run = run
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given = self._found = torch.empty(0)

    def __call__(self, given: Tensor) -> Tensor:
        """Run once; `given` has the shape and type of the first call's."""
        self._calls += 1
        if self._calls <= _WARM_UP:
            return self._beside(given)
        if self._graph is None:
            self._graph = self._record(given)
        self._given.copy_(given)
        self._graph.replay()
        return self._found.clone()

    def _beside(self, given: Tensor) -> Tensor:
        """Run on another stream, as recordings are made."""
        new_stream: Callable[[], torch.cuda.Stream] = torch.cuda.Stream  # untyped in torch
        stream, usual = new_stream(), torch.cuda.current_stream()
        stream.wait_stream(usual)
        with torch.cuda.stream(stream):
            found = self._run(given)
        usual.wait_stream(stream)
        return found

    def _record(self, given: Tensor) -> torch.cuda.CUDAGraph:
        """Record a run; nothing is computed yet."""
        self._given = given.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._found = self._run(self._given)
        return graph
