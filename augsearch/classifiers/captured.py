"""Work on a CUDA device recorded once as a graph and launched as one from then on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from augsearch.cuda_graphs import beside, recorded

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
            with beside():
                return self._run(given)
        if self._graph is None:
            self._given = given.clone()
            self._graph, self._found = recorded(lambda: self._run(self._given))
        self._given.copy_(given)
        self._graph.replay()
        return self._found.clone()
