"""Trained networks on disk, each with its design in one safetensors file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from augsearch.errors import StorageError
from augsearch.gan.discriminator import Discriminator, DiscriminatorDesign
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.sources.generators.checkpoint import read_tensors, write_tensors

Network = TypeVar("Network", bound=nn.Module)


def write_network(path: Path, network: Generator | Discriminator) -> None:
    """Write a network with its design, atomically."""
    meta = {type(network).__name__.lower(): asdict(network.design)}
    write_tensors(path, network.state_dict(), meta)


def read_generator(path: Path) -> Generator:
    """Read a generator back, on the CPU and in eval mode.

    Raises:
        StorageError: The file is missing or damaged.
    """
    return _read(path, "generator", lambda design: Generator(GeneratorDesign(**design)))


def read_discriminator(path: Path) -> Discriminator:
    """Read a discriminator back, on the CPU and in eval mode.

    Raises:
        StorageError: The file is missing or damaged.
    """
    return _read(path, "discriminator", lambda design: Discriminator(DiscriminatorDesign(**design)))


def _read(path: Path, kind: str, make: Callable[[dict[str, Any]], Network]) -> Network:
    tensors, meta = read_tensors(path)
    try:
        design = meta[kind] | {"filters": tuple(meta[kind]["filters"])}
        with torch.device("meta"):
            network = make(design)
        network.load_state_dict(tensors, assign=True)
    except (RuntimeError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path} holds no {kind} that this version knows ({error}); delete it and run the "
            "same command again: it is then made anew."
        ) from error
    return network.eval()
