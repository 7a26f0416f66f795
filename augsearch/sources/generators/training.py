"""The loop that trains any kind of GAN: resume, checks, checkpoints, snapshots, progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from augsearch.errors import DivergedError, TimeUpError
from augsearch.events import Advanced, TrainingBegun, TrainingLogged
from augsearch.gan.base import Gan
from augsearch.sources.base import FitContext
from augsearch.sources.generators.checkpoint import (
    all_finite,
    read_tensors,
    restore,
    training_state,
    write_tensors,
)

REPORT_EVERY = 25
"""Iterations between two looks at the losses; each look makes the host wait for the device."""
KEEP_SECONDS = 30
"""Between two checkpoints of a schedule that does not say: a write takes 0.2 s with the networks of
Kong et al. 2022, as long as 100 iterations on a graphics card."""


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often something is kept, in iterations.

    Checkpoints make no difference to what is trained. Without a number they are a matter of time
    (`KEEP_SECONDS`), whatever the device manages in it.
    """

    iterations: int
    snapshot_every: int
    checkpoint_every: int | None

    def snapshots(self, reached: int) -> list[int]:
        """Return the iterations up to `reached` that a snapshot is taken at."""
        every = range(self.snapshot_every, reached + 1, self.snapshot_every)
        return sorted({*every, *([reached] if reached == self.iterations else [])})


class Training:
    """One training in one folder.

    Every iteration draws from a generator seeded by its number, so a checkpoint needs no random
    state and a training that was killed ends with the weights of one that was not: to the last bit
    on the same device with the same number of threads.

    Args:
        gan: Freshly built; its state is replaced by the checkpoint's, if there is one.
        schedule: When what is due.
        context: Seed, folder, device and listener.
        start: Another training's checkpoint of the same networks, to take the first weights from.
    """

    def __init__(
        self, gan: Gan, schedule: Schedule, context: FitContext, start: Path | None = None
    ) -> None:
        self._gan = gan
        self._schedule = schedule
        self._context = context
        self._path = context.folder / "checkpoint.safetensors"
        self._recent: list[Tensor] = []
        self._start = 0
        self._kept_at = time.monotonic()
        if self._path.exists():
            self._start = int(restore(self._path, gan.modules, gan.optimizers)["iteration"])
        elif start is not None:
            restore(start, gan.modules, {})

    def run(self, take_snapshot: Callable[[int], None]) -> None:
        """Train to the end.

        Args:
            take_snapshot: Called with the iteration whenever a snapshot is due; again for the same
                iteration if the process died before the next checkpoint.

        Raises:
            DivergedError: A loss or a weight is no longer finite, or a loss has exploded.
            StorageError: A checkpoint could not be written.
            TimeUpError: The listener stopped the training; it goes on from this very iteration.
        """
        seed = self._context.seed.child("iteration")
        rng = torch.Generator(device=self._context.device)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True):
            self._begin()
            for iteration in range(self._start + 1, self._schedule.iterations + 1):
                rng.manual_seed(seed.child(iteration).integer())
                self._recent.append(self._gan.step(iteration, rng))
                self._after(iteration, take_snapshot)

    def _begin(self) -> None:
        context, precision = self._context, self._gan.precision
        begun = TrainingBegun(context.name, context.fold, self._start, context.device, precision)
        context.notify(begun)
        self._advance(self._start)

    def _after(self, iteration: int, take_snapshot: Callable[[int], None]) -> None:
        last = iteration == self._schedule.iterations
        snapshot = last or iteration % self._schedule.snapshot_every == 0
        checkpoint = last or self._is_checkpoint_due(iteration)
        if not (snapshot or checkpoint or iteration % REPORT_EVERY == 0):
            return
        self._report(iteration)
        if snapshot or checkpoint:
            self._check_weights(iteration)
        # The snapshot first: a training resumed from this checkpoint would never come by again.
        if snapshot:
            take_snapshot(iteration)
        if checkpoint:
            self._keep(iteration)
        try:
            self._advance(iteration)
        except TimeUpError:
            if not checkpoint:
                self._check_weights(iteration)
                self._keep(iteration)
            raise

    def _is_checkpoint_due(self, iteration: int) -> bool:
        if self._schedule.checkpoint_every is not None:
            return iteration % self._schedule.checkpoint_every == 0
        waited = time.monotonic() - self._kept_at
        return iteration % REPORT_EVERY == 0 and waited >= KEEP_SECONDS

    def _check_weights(self, iteration: int) -> None:
        if not all_finite(training_state(self._gan.modules, self._gan.optimizers)):
            raise self._diverged(iteration, "a weight is not finite")

    def _keep(self, iteration: int) -> None:
        meta = {"iteration": iteration, "precision": self._gan.precision}
        write_tensors(self._path, training_state(self._gan.modules, self._gan.optimizers), meta)
        self._kept_at = time.monotonic()

    def _report(self, iteration: int) -> None:
        rows: list[list[float]] = torch.stack(self._recent).tolist()
        self._recent.clear()
        for number, row in enumerate(rows, start=iteration - len(rows) + 1):
            if wrong := self._gan.exploded(row):
                raise self._diverged(number, wrong)
        means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
        metrics = dict(zip(self._gan.loss_names, means, strict=True))
        name, fold = self._context.name, self._context.fold
        self._context.notify(TrainingLogged(name, fold, iteration, metrics))

    def _advance(self, done: int) -> None:
        self._context.notify(Advanced(done, self._schedule.iterations, "iterations"))

    def _diverged(self, iteration: int, what: str) -> DivergedError:
        return DivergedError(
            f"source {self._context.name}, fold {self._context.fold}: training diverged at "
            f"iteration {iteration}: {what}. {_last_good(self._path)} {self._gan.remedy}"
        )


def _last_good(path: Path) -> str:
    if not path.exists():
        return "No checkpoint had been written yet."
    iteration = read_tensors(path)[1]["iteration"]
    return f"The last good checkpoint is {path} (iteration {iteration})."
