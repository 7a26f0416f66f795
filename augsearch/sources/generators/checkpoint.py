"""Networks and the state of a training in one safetensors file each, written atomically."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from augsearch.errors import StorageError
from augsearch.files import replacing

_META = "augsearch"
_REMEDY = "delete it and run the same command again: what it held is then made anew."


def write_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors, and `meta` as JSON in the file's header with a checksum of all, atomically.

    Raises:
        StorageError: It could not be written; a former file is still there.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(meta, allow_nan=False)
    # In one entry: safetensors puts several in any order, and equal trainings make equal files.
    content = save(on_cpu, {_META: f"{_checksum(on_cpu, text)} {text}"})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back what `write_tensors` wrote, onto the CPU.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            entry: str = file.metadata()[_META]
            names: list[str] = file.keys()
            # Copied, as they would keep the file mapped: Windows replaces none that is.
            tensors = {name: file.get_tensor(name).clone() for name in names}
        checksum, text = ("", entry) if entry.startswith("{") else entry.split(" ", 1)
        if checksum and checksum != _checksum(tensors, text):
            raise ValueError("its content does not match its checksum")
        meta: dict[str, Any] = json.loads(text)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged ({error}); {_REMEDY}") from error
    return tensors, meta


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    """Return the CRC-32 of names, types, shapes and values, and of the meta."""
    found = zlib.crc32(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), found)
        found = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether every floating-point value is finite."""
    floats = [tensor for tensor in tensors.values() if tensor.is_floating_point()]
    return not floats or bool(torch.stack([t.isfinite().all().cpu() for t in floats]).all())


def training_state(
    modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
) -> dict[str, Tensor]:
    """Return all weights, buffers and optimiser tensors of a training under flat names."""
    state = {
        f"module/{name}/{key}": value
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    for name, optimizer in optimizers.items():
        for index, entries in optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    state[f"optimizer/{name}/{index}/{key}"] = value
    return state


def restore(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
) -> dict[str, Any]:
    """Put a `training_state` that was written to `path` back and return its meta.

    Raises:
        StorageError: The file is damaged or holds other networks.
    """
    state, meta = read_tensors(path)
    try:
        for name, module in modules.items():
            module.load_state_dict(_below(state, f"module/{name}/"))
        for name, optimizer in optimizers.items():
            _restore_optimizer(optimizer, _below(state, f"optimizer/{name}/"))
    except (RuntimeError, KeyError, IndexError, ValueError) as error:
        raise StorageError(f"{path} does not fit this training ({error}); {_REMEDY}") from error
    return meta


def _restore_optimizer(optimizer: Optimizer, flat: Mapping[str, Tensor]) -> None:
    groups = optimizer.state_dict()["param_groups"]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split("/")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # In the parameter's own memory layout: another one may change the last bit.
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }
