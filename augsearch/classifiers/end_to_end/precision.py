"""What a network is trained in: float32, or bfloat16 where that is exact enough and faster."""

from __future__ import annotations

import contextlib
from typing import Literal

import torch
from torch import nn

from augsearch.device import Precision, pick_precision


def training_precision(
    wanted: Literal["auto"] | Precision, network: nn.Module, device: str
) -> Precision:
    """Return what a network is trained in, by facts of device and network alone.

    "auto" is bf16 where the device has it, except on a CPU for networks with grouped convolutions
    (those of EfficientNet and ResNeXt): torch computes their gradients slower in bf16 there
    (`benchmarks/NOTES.md`).

    Args:
        wanted: The study's `precision`.
        network: What is trained.
        device: The torch device.

    Raises:
        AugsearchError: bf16 is wanted of a device that has none.
    """
    if wanted == "auto" and torch.device(device).type == "cpu" and _has_groups(network):
        return "float32"
    return pick_precision(wanted, device)


def computing_in(precision: Precision, device: str) -> contextlib.AbstractContextManager[object]:
    """Let layers compute in `precision`; weights stay float32, and so do sums in batch norms."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def _has_groups(network: nn.Module) -> bool:
    return any(part.groups > 1 for part in network.modules() if isinstance(part, nn.Conv2d))
