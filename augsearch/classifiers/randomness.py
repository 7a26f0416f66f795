"""Torch's global generators, seeded for a while: layers have no other way to draw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from augsearch.seeds import Seed


@contextlib.contextmanager
def seeded(seed: Seed, device: str = "cpu") -> Iterator[None]:
    """Seed the generators of the CPU and of `device`; give them back as they were."""
    kind = torch.device(device).type
    gpus = [_index(device)] if kind == "cuda" else []
    mps_state = torch.mps.get_rng_state() if kind == "mps" else None
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed.integer())
        for gpu in gpus:
            torch.cuda.default_generators[gpu].manual_seed(seed.integer())
        if mps_state is not None:
            torch.mps.manual_seed(seed.integer())
        try:
            yield
        finally:
            if mps_state is not None:
                torch.mps.set_rng_state(mps_state)


def _index(device: str) -> int:
    index: int | None = torch.device(device).index
    return torch.cuda.current_device() if index is None else index
