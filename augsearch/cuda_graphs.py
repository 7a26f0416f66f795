"""Work on a CUDA device beside the usual stream: tried out there, and recorded there as a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """Queue work on the device's side stream: after all that is queued, before all that will be."""
    side, usual = _side(torch.cuda.current_device()), torch.cuda.current_stream()
    side.wait_stream(usual)
    with torch.cuda.stream(side):
        yield
    usual.wait_stream(side)


def recorded(
    run: Callable[[], Tensor], *generators: torch.Generator
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Record `run`, which computes nothing yet, and return the graph and what it will write to.

    Args:
        run: Was called `beside` the usual stream before, so that libraries have what they need.
        generators: What it draws from, if not from the device's own generator.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    side = _side(torch.cuda.current_device())
    # Other threads may call CUDA meanwhile.
    with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
        found = run()
    return graph, found


@cache
def _side(device: int) -> torch.cuda.Stream:
    """Return the one side stream of a device.

    For each stream that ever multiplied matrices, torch keeps a workspace of cuBLAS, 8 to 32 MiB,
    as long as the process lives.
    """
    new_stream: Callable[[int], torch.cuda.Stream] = torch.cuda.Stream  # untyped in torch
    return new_stream(device)
