"""The loop that trains any kind of GAN: resume, checks, checkpoints, snapshots, progress."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from augsearch.errors import DivergedError
from augsearch.events import Advanced, TrainingLogged
from augsearch.sources.base import FitContext
from augsearch.sources.gan.checkpoint import (
    all_finite,
    read_tensors,
    restore,
    training_state,
    write_tensors,
)

REPORT_EVERY = 25
"""Iterations between two looks at the losses; each look makes the host wait for the device."""

LOSS_LIMIT = 1_000.0
"""A loss beyond this, either way, counts as exploded; healthy ones stay below about 20."""


class Gan(ABC):
    """What differs from one kind of GAN to the next: networks, optimisers and one iteration."""

    loss_names: tuple[str, ...]
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]

    @abstractmethod
    def step(self, iteration: int, rng: torch.Generator) -> Tensor:
        """Train for one iteration and return its losses, float32, (len(loss_names),), detached.

        Args:
            iteration: From 1 on.
            rng: All randomness of this iteration, on the training's device.
        """


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often something is kept, in iterations."""

    iterations: int
    snapshot_every: int
    checkpoint_every: int


class Training:
    """One training in one folder.

    Every iteration draws from a generator seeded by its number, so a checkpoint needs no random
    state and a training that was killed ends with the weights of one that was not: to the last bit
    on the same device with the same number of threads.

    Args:
        gan: Freshly built; its state is replaced by the checkpoint's, if there is one.
        schedule: When what is due.
        context: Seed, folder, device and listener.
    """

    def __init__(self, gan: Gan, schedule: Schedule, context: FitContext) -> None:
        self._gan = gan
        self._schedule = schedule
        self._context = context
        self._path = context.folder / "checkpoint.safetensors"
        self._recent: list[Tensor] = []
        self._start = 0
        if self._path.exists():
            self._start = int(restore(self._path, gan.modules, gan.optimizers)["iteration"])

    def run(self, take_snapshot: Callable[[int], None]) -> None:
        """Train to the end.

        Args:
            take_snapshot: Called with the iteration whenever a snapshot is due; again for the same
                iteration if the process died before the next checkpoint.

        Raises:
            DivergedError: A loss or a weight is no longer finite, or a loss has exploded.
            StorageError: A checkpoint could not be written.
        """
        seed = self._context.seed.child("iteration")
        rng = torch.Generator(device=self._context.device)
        self._advance(self._start)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True):
            for iteration in range(self._start + 1, self._schedule.iterations + 1):
                rng.manual_seed(seed.child(iteration).integer())
                self._recent.append(self._gan.step(iteration, rng))
                self._after(iteration, take_snapshot)

    def _after(self, iteration: int, take_snapshot: Callable[[int], None]) -> None:
        last = iteration == self._schedule.iterations
        snapshot = last or iteration % self._schedule.snapshot_every == 0
        checkpoint = last or iteration % self._schedule.checkpoint_every == 0
        if snapshot or checkpoint or iteration % REPORT_EVERY == 0:
            self._report(iteration)
        if snapshot or checkpoint:
            state = training_state(self._gan.modules, self._gan.optimizers)
            if not all_finite(state):
                raise self._diverged(iteration, "a weight is not finite")
        # The snapshot first: a training resumed from this checkpoint would never come by again.
        if snapshot:
            take_snapshot(iteration)
        if checkpoint:
            write_tensors(self._path, state, {"iteration": iteration})

    def _report(self, iteration: int) -> None:
        rows: list[list[float]] = torch.stack(self._recent).tolist()
        self._recent.clear()
        for number, row in enumerate(rows, start=iteration - len(rows) + 1):
            if not all(math.isfinite(loss) and abs(loss) <= LOSS_LIMIT for loss in row):
                raise self._diverged(number, _named(self._gan.loss_names, row))
        means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
        metrics = dict(zip(self._gan.loss_names, means, strict=True))
        name, fold = self._context.name, self._context.fold
        self._context.notify(TrainingLogged(name, fold, iteration, metrics))
        self._advance(iteration)

    def _advance(self, done: int) -> None:
        self._context.notify(Advanced(done, self._schedule.iterations, "iterations"))

    def _diverged(self, iteration: int, what: str) -> DivergedError:
        return DivergedError(
            f"source {self._context.name}, fold {self._context.fold}: training diverged at "
            f"iteration {iteration}: {what}; every loss must stay finite and within "
            f"±{LOSS_LIMIT:g}. {_last_good(self._path)} Lower generator_learning_rate and "
            'discriminator_learning_rate, end at fewer iterations, or use preset = "small-data".'
        )


def _named(names: Sequence[str], losses: Sequence[float]) -> str:
    return ", ".join(f"{name} {loss:.4g}" for name, loss in zip(names, losses, strict=True))


def _last_good(path: Path) -> str:
    if not path.exists():
        return "No checkpoint had been written yet."
    iteration = read_tensors(path)[1]["iteration"]
    return f"The last good checkpoint is {path} (iteration {iteration})."
