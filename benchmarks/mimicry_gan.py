"""The textbook networks and steps inside torch-mimicry's trainer, where that is installed.

Its trainer brings a DataLoader, its own bookkeeping and learning-rate scheduler; checkpoints,
pictures and TensorBoard are left out, as they are from the loops it is compared with.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable
from typing import Any

import textbook_gan
import torch
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

_NEVER = 1 << 30


class _Player(torch.nn.Module):
    """One of the two networks with the `train_step` that the trainer calls."""

    def __init__(self, network: torch.nn.Module, train: Callable[[tuple[Any, ...]], None]) -> None:
        super().__init__()
        self.network = network
        self._train = train

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def train_step(self, real_batch: tuple[Any, ...], log_data: Any, **_: object) -> Any:
        self._train(real_batch)
        return log_data


def steps(plain: textbook_gan.Textbook, count: int) -> Callable[[], None]:
    """Return a task of `count` iterations of torch-mimicry's trainer."""
    from torch_mimicry.training import Trainer

    class Loop(Trainer):
        def _save_model_checkpoints(self, global_step: int) -> None:
            pass

    synthetic: list[Any] = []

    def train_discriminator(real_batch: tuple[Any, ...]) -> None:
        synthetic[:] = plain.train_discriminator(*real_batch)

    def train_generator(_: tuple[Any, ...]) -> None:
        plain.train_generator(*synthetic)

    size = plain.options.batch_size
    images = TensorDataset(plain.real, plain.labels)
    rows = RandomSampler(images, replacement=True, num_samples=size * max(count, 100))
    trainer = Loop(
        _Player(plain.discriminator, train_discriminator),
        _Player(plain.generator, train_generator),
        plain.optimizer_d,
        plain.optimizer_g,
        DataLoader(images, size, sampler=rows),
        count,
        log_dir=tempfile.mkdtemp(),
        device=torch.device(plain.device),
        print_steps=_NEVER,
        vis_steps=_NEVER,
        log_steps=_NEVER,
        save_steps=_NEVER,
    )

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.train()

    return run
