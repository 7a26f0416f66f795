"""A training step recorded once as a CUDA graph and launched as one from then on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3
"""Steps before the recording, for what is made at the first use (optimiser states, libraries'
workspaces)."""


class CapturedStep:
    """Does what `step` does; after the first calls by replaying its recording.

    The first calls are steps like any other, so that nothing is to be undone. Random numbers of
    a replay follow the device's generator, seeded or not since the recording.

    Args:
        step: Takes the rows of a mini-batch, int64, (B,), on a CUDA device, and returns its loss.
            Neither waits for the device nor allocates what must outlive the next call. What it
            reads and changes besides stays where it is in memory.
    """

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        self._step = step
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._rows = self._loss = torch.empty(0)

    def __call__(self, rows: Tensor) -> Tensor:
        """Take one step with `rows`, as many in each call; return the loss."""
        self._calls += 1
        if self._calls <= _WARM_UP:
            return self._beside(rows)
        if self._graph is None:
            self._graph = self._record(rows)
        self._rows.copy_(rows)
        self._graph.replay()
        return self._loss.clone()

    def _beside(self, rows: Tensor) -> Tensor:
        """Take a step on another stream, as recordings are made."""
        new_stream: Callable[[], torch.cuda.Stream] = torch.cuda.Stream  # untyped in torch
        stream, usual = new_stream(), torch.cuda.current_stream()
        stream.wait_stream(usual)
        with torch.cuda.stream(stream):
            loss = self._step(rows)
        usual.wait_stream(stream)
        return loss

    def _record(self, rows: Tensor) -> torch.cuda.CUDAGraph:
        """Record a step; nothing is computed yet."""
        self._rows = rows.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._loss = self._step(self._rows)
        return graph
