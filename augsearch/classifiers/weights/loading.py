"""Network weights in the forms people have them in, read without running any code from the file.

Known forms: torchvision state dicts, CheXNet's ``model.pth.tar`` (nested, prefixed, names from
before torch 0.4.1), state dicts of torchxrayvision (one input channel), safetensors, and HDF5 files
of Keras.
"""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from augsearch.classifiers.weights.pickles import check_pickles
from augsearch.errors import WeightsError
from augsearch.files import replacing
from augsearch.messages import few

_NESTS = ("state_dict", "model_state_dict", "model")
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
_DOWNLOAD_TIMEOUT_S = 10.0


def read_weights(path: Path, first_convolution: str) -> dict[str, Tensor]:
    """Read a weight file and give its tensors the names of today's torchvision.

    Args:
        path: ``.safetensors``, Keras's ``.h5`` or ``.hdf5``, or anything `torch.load` reads with
            ``weights_only=True``.
        first_convolution: Name of the network's first layer; whatever stands before it in the
            file's names is a wrapper's prefix and is cut off.

    Raises:
        WeightsError: The file cannot be read, would run code, or holds another kind of network.
    """
    tensors = {
        name: value for name, value in _unnested(_load(path)).items() if isinstance(value, Tensor)
    }
    anchor = f"{first_convolution}.weight"
    hits = [name for name in tensors if name == anchor or name.endswith(f".{anchor}")]
    prefix = min(hits, key=len, default="").removesuffix(anchor)
    # A wrapper's prefix is on nearly all names; on a few it is a layer deep in another network.
    if not hits or 2 * sum(name.startswith(prefix) for name in tensors) < len(tensors):
        raise WeightsError(
            f"{path} must hold the layer {anchor!r} but has "
            f"{few(tensors, 3) or 'no tensors at all'}; set backbone to the network that the file "
            "was saved from."
        )
    return {
        _OLD_NAME.sub(r"\1\2", name.removeprefix(prefix)): value.detach()
        for name, value in tensors.items()
    }


def load_into(
    network: nn.Module, tensors: Mapping[str, Tensor], *, ignored: Sequence[str], path: Path
) -> None:
    """Copy `tensors` into `network`; every name and shape has to fit.

    Args:
        network: Takes the values, converted to its own dtype.
        tensors: As `read_weights` gives them.
        ignored: Prefixes of names to leave out on both sides (the classification head).
        path: The file, for messages.

    Raises:
        WeightsError: Names are missing or unexpected, shapes differ, or a value is not finite.
    """
    wanted = {k: v for k, v in network.state_dict().items() if not k.startswith(tuple(ignored))}
    given = {k: v for k, v in tensors.items() if not k.startswith(tuple(ignored))}
    problems = _misfits(wanted, given)
    if problems:
        raise WeightsError(
            f"{path} does not fit the backbone: {'; '.join(problems)}. "
            "Set backbone to the network that the file was saved from."
        )
    # In float32, which is what the layers hold, and which eight-bit floats have no check of.
    floats = {k: v.float() for k, v in given.items() if v.is_floating_point()}
    damaged = [k for k, v in floats.items() if not v.isfinite().all()]
    if damaged:
        raise WeightsError(
            f"{path} must hold finite numbers only but has not in {few(damaged, 3)}."
        )
    network.load_state_dict(given, strict=False)


def imagenet_file(url: str) -> Path:
    """Return torchvision's weight file in the torch hub folder, downloaded if it is not there.

    Raises:
        WeightsError: It is neither there nor can be had from the network.
    """
    name = PurePosixPath(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.exists():
        return path
    # torch.hub's own download has no timeout and hangs for minutes behind a silent firewall.
    try:
        with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as response:
            content: bytes = response.read()
    except (OSError, HTTPException) as error:
        raise _not_to_be_had(url, path, str(error)) from error
    expected = re.search(r"-([0-9a-f]{8,})\.", name)
    if expected and not hashlib.sha256(content).hexdigest().startswith(expected[1]):
        raise _not_to_be_had(url, path, "what came is not the file (wrong checksum)")
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _not_to_be_had(url: str, path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f'weights = "imagenet" needs {url}, which cannot be downloaded ({reason}). '
        f"Download it by hand and save it as {path}; or set weights to the path of a weight file, "
        'or to "random".'
    )


def _load(path: Path) -> Any:
    if path.suffix in (".h5", ".hdf5"):
        from augsearch.classifiers.weights.keras_weights import read_keras_weights

        return read_keras_weights(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        check_pickles(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes make the parsers fail in every way there is
        text = str(error)
        if "nsupported global" in text or "nsupported class" in text or "TorchScript" in text:
            raise WeightsError(
                f"{path} must hold tensors only but holds Python objects, and "
                "nothing in a weight file is ever run. Where you trust the file, load it with its "
                "own program, save model.state_dict() by torch.save, and use that file."
            ) from error
        reason = text.strip().splitlines()[0] if text.strip() else type(error).__name__
        raise WeightsError(
            f"{path} cannot be read as network weights ({reason}); it must be a state dict saved "
            "by torch.save, a .safetensors file or a Keras .h5 file. Is it whole?"
        ) from error


def _unnested(content: Any) -> dict[str, Any]:
    for _ in _NESTS:
        if not isinstance(content, Mapping):
            break
        inner = next(
            (content[key] for key in _NESTS if isinstance(content.get(key), Mapping)), None
        )
        if inner is None:
            return {str(name): value for name, value in content.items()}
        content = inner
    return {}


def _misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    # The batch counters came with torch 0.4.1 and play no part in inference.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in given if k not in wanted]
    shapes = [
        f"{k} is {tuple(given[k].shape)} instead of {tuple(v.shape)}"
        for k, v in wanted.items()
        if k in given and given[k].shape != v.shape
    ]
    odd = [f"{k} is {odd}" for k in wanted if k in given and (odd := _oddity(given[k]))]
    kinds = (
        ("missing", missing),
        ("unexpected", unexpected),
        ("wrong shape", shapes),
        ("not plain numbers", odd),
    )
    return [f"{len(names)} {kind}: {few(names, 3)}" for kind, names in kinds if names]


def _oddity(tensor: Tensor) -> str | None:
    """Say what keeps a tensor from being copied into a layer; None if nothing does."""
    if tensor.layout != torch.strided or tensor.is_nested:
        return "sparse or nested"
    if tensor.device.type != "cpu":
        return f"without values (on {tensor.device.type})"
    if tensor.is_quantized or tensor.is_complex():
        return str(tensor.dtype)
    return None
