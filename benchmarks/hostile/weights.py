"""Hostile weight files: pickles that would run code, tensors that are none, lying headers, HDF5."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from augsearch.classifiers.weights.keras_weights import read_keras_weights
from augsearch.classifiers.weights.loading import load_into, read_weights
from hostile.arena import RAN, Case
from hostile.arrays import Payload
from hostile.mutations import mutated

COMMAND = f"touch {RAN}"


def _quietly(make: Callable[[], tuple[bytes, ...]]) -> Callable[[], tuple[bytes, ...]]:
    """Make files in formats that torch gives up without being told so."""

    def made() -> tuple[bytes, ...]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()

    return made


class _Network(nn.Module):
    """As small as a network with the layers of one can be."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)


@functools.cache
def network() -> nn.Module:
    """Return the network that weights are loaded into."""
    return _Network()


def _state() -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network().state_dict().items()}


def _saved(content: Any, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def _odd_tensors() -> dict[str, Any]:
    weight = torch.zeros(4, 3, 3, 3)
    return {
        "sparse": weight.to_sparse(),
        "meta": weight.to("meta"),
        "complex": weight.to(torch.complex64),
        "bool": weight.bool(),
        "integers": weight.long(),
        "half": weight.half(),
        "bfloat16": weight.bfloat16(),
        "float8": weight.to(torch.float8_e4m3fn),
        "quantized": torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
        "nan": weight / 0,
        "expanded": torch.zeros(1).expand(2**40),
        "expanded right": torch.zeros(1, 1, 1, 1).expand(4, 3, 3, 3),
        "empty": torch.zeros(0),
        "scalar": torch.tensor(1.0),
        "parameter": nn.Parameter(weight),
        "conjugate": torch.zeros(4, 3, 3, 3, dtype=torch.complex64).conj(),
        "text": "x",
        "dictionary": {"a": weight},
        "none": None,
        "storage": weight.untyped_storage(),
    }


@functools.cache
@_quietly
def pickles() -> tuple[bytes, ...]:
    """Return files of torch.save and of pickle, good ones first, and those that would run code."""
    good = _state()
    made = [_saved(good), _saved(good, legacy=True), _saved({"state_dict": good})]
    made.append(_saved(OrderedDict({f"module.{name}": value for name, value in good.items()})))
    for odd in _odd_tensors().values():
        made.append(_saved(good | {"conv1.weight": odd}))
        made.append(_saved(good | {"bn1.running_mean": odd}))
    made += [_saved(good | {"x": Payload()}), _saved(Payload()), _saved([Payload()], legacy=True)]
    made += [_saved(network()), _saved(network(), legacy=True), _saved([]), _saved({}), _saved(3)]
    made += [
        _saved({1: good["conv1.weight"], None: 3}),
        _saved({"model": {"model": {"model": good}}}),
    ]
    made += [pickle.dumps(Payload(), protocol) for protocol in range(6)]
    made += [pickle.dumps({"conv1.weight": [1, 2]}), pickle.dumps(Payload()) + _saved(good)]
    made += [f"cos\nsystem\n(S'{COMMAND}'\ntR.".encode(), b"cbuiltins\nexec\n(S'1/0'\ntR."]
    made += [
        _with_pickle(one) for one in (_laughs(), _laughs_as_key(), _big_bytes(), b"\x80\x02}.")
    ]
    made += [_with_pickle(pickle.dumps(Payload(), 2)), _squeezed(_saved(good)), _bomb()]
    made += [_script(), _laughs(), _laughs_as_key(), _big_bytes()]
    return tuple(made)


def _laughs(levels: int = 60) -> bytes:
    """Return a pickle of lists in lists: 2 ** levels of them if they were written out."""
    body = b"]q\0"
    for level in range(1, levels):
        body += (
            b"]q"
            + bytes([level])
            + b"("
            + b"h"
            + bytes([level - 1])
            + b"h"
            + bytes([level - 1])
            + b"e"
        )
    return b"\x80\x02}X\1\0\0\0a" + body + b"s."


def _laughs_as_key(levels: int = 40) -> bytes:
    """Return a pickle of a dictionary whose key takes 2 ** levels steps to hash."""
    body = b")q\0"
    for level in range(1, levels):
        body += b"0h" + bytes([level - 1]) + b"h" + bytes([level - 1]) + b"\x86q" + bytes([level])
    return b"\x80\x02}" + body + b"K\1s."


def _big_bytes() -> bytes:
    """Return a pickle that asks for 100 GB of zeros."""
    return b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + (10**11).to_bytes(6, "little") + b"\x85R."


def _with_pickle(content: bytes) -> bytes:
    """Return a file of torch.save with another pickle in it."""
    good, file = zipfile.ZipFile(io.BytesIO(_saved(_state()))), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in good.namelist():
            archive.writestr(name, content if name.endswith("data.pkl") else good.read(name))
    return file.getvalue()


def _squeezed(content: bytes) -> bytes:
    good, file = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            archive.writestr(name, good.read(name))
    return file.getvalue()


def _bomb() -> bytes:
    """Return a file of a few MB that holds a tensor of 64 MiB in 64 KiB."""
    small = torch.zeros(2**10)
    good, file = zipfile.ZipFile(io.BytesIO(_saved({"conv1.weight": small}))), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            if name.endswith("data/0"):
                with archive.open(name, "w", force_zip64=True) as member:
                    for _ in range(2**6):
                        member.write(bytes(2**20))
            else:
                content = good.read(name)
                archive.writestr(name, content.replace(struct.pack("<H", 2**10), b"\0\x04"))
    return file.getvalue()


def _script() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


@st.composite
def _safetensors(draw: st.DrawFn) -> bytes:
    """Return a .safetensors file whose header may lie about everything."""
    good = save(_state())
    size = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + size])
    name = draw(st.sampled_from(sorted(header)))
    number = st.sampled_from((0, 1, -1, 2**31, 2**63, 2**64, 1e300, 108, 432))
    match draw(st.integers(0, 6)):
        case 0:
            header[name]["shape"] = draw(st.lists(number, max_size=6))
        case 1:
            header[name]["data_offsets"] = draw(st.lists(number, max_size=3))
        case 2:
            header[name]["dtype"] = draw(
                st.sampled_from(("F64", "F16", "I8", "BOOL", "F4", "X", 3))
            )
        case 3:
            header["__metadata__"] = draw(st.sampled_from(({"a": "b"}, {"a": 1}, [], "x")))
        case 4:
            header[draw(st.sampled_from(("../x", "", "conv1.weight.weight")))] = header.pop(name)
        case 5:
            header = draw(st.sampled_from(([], {}, "x", [[[[]]]] * 2, {name: None})))
    text = json.dumps(header).encode()
    claimed = draw(st.sampled_from((len(text), len(text), len(text), 2**62, 0, 10**8, 2**64 - 1)))
    return claimed.to_bytes(8, "little") + text + good[8 + size :]


@functools.cache
def keras_files() -> tuple[bytes, ...]:
    """Return HDF5 files as Keras writes them, and some that refer to other places."""
    return tuple(_keras(kind) for kind in _KERAS_KINDS)


_KERAS_KINDS = (
    *("good", "external", "soft", "outer", "virtual", "objects", "text", "claims", "names", "loop"),
    *("many", "squeezed", "shared", "missing", "twice", "head", "empty"),
)


def _keras(kind: str) -> bytes:
    file = io.BytesIO()
    kernel = np.zeros((7, 7, 3, 4), np.float32)
    with h5py.File(file, "w") as h5:
        layers = [b"conv1/conv", b"bn"] if kind != "many" else [b"l%d" % n for n in range(1_000)]
        h5.attrs["layer_names"] = {"names": 3.5, "empty": np.array([], "S1")}.get(kind, layers)
        group = h5.create_group("conv1/conv")
        names = [b"conv1/conv/kernel:0"] * (2 if kind == "twice" else 1)
        group.attrs["weight_names"] = names
        place = "conv1/conv/kernel:0"
        match kind:
            case "external":
                group.create_dataset(
                    place, kernel.shape, "f4", external=[("/etc/passwd", 0, 588 * 4)]
                )
            case "soft":
                group[place] = h5py.SoftLink("/bn/kernel:0")
            case "outer":
                group[place] = h5py.ExternalLink("/etc/passwd", "/x")
            case "virtual":
                layout = h5py.VirtualLayout(kernel.shape, "f4")
                layout[:] = h5py.VirtualSource("/etc/passwd", "x", kernel.shape)
                group.create_virtual_dataset(place, layout)
            case "objects":
                group.create_dataset(place, (3,), h5py.special_dtype(vlen=np.uint8))
            case "text":
                group[place] = b"text"
            case "claims":
                group.create_dataset(place, (2**20, 2**20, 3, 4), "f4", chunks=(64, 64, 3, 4))
            case "loop":
                group["conv1"] = h5["conv1"]
            case "squeezed":
                group.create_dataset(place, (2**12, 2**12, 3, 4), "f4", chunks=True, compression=9)
            case "missing":
                pass
            case "shared":
                _share(h5, group, place)
            case _:
                group[place] = kernel
        norm = h5.create_group("bn")
        norm.attrs["weight_names"] = [b"bn/gamma:0", b"bn/moving_variance:0"]
        for name in ("gamma:0", "moving_variance:0"):
            norm[f"bn/{name}"] = np.ones(4, np.float32)
        if kind == "head":
            h5["fc"] = np.zeros((9, 9))
    return file.getvalue()


def _share(h5: h5py.File, group: h5py.Group, place: str) -> None:
    """Let a hundred layers refer to the same large numbers, which take no room in the file."""
    group[place] = np.zeros((7, 7, 3, 64), np.float32)
    size = (2**12, 2**12, 1, 1)
    large = h5.create_dataset("large", size, "f4", chunks=(2**10, 2**10, 1, 1), compression=9)
    names = [f"conv{block}_block{one}_1_conv" for block in range(2, 6) for one in range(1, 26)]
    h5.attrs["layer_names"] = [b"conv1/conv", *map(str.encode, names)]
    for name in names:
        layer = h5.create_group(name)
        layer.attrs["weight_names"] = [b"kernel:0"]
        layer["kernel:0"] = large


_SUFFIXES = st.sampled_from((".pt", ".pt", ".pth.tar", ".safetensors", ".h5", ".hdf5", ".bin", ""))


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give one weight file under one suffix, mostly the right one."""
    kind = draw(st.integers(0, 5))
    if kind < 3:
        # The last one takes long to make and to read.
        good = draw(st.deferred(lambda: st.sampled_from(pickles()[: None if bulk else 60])))
        suffix = ".pt"
    elif kind == 3:
        good, suffix = draw(_safetensors()), ".safetensors"
    else:
        good, suffix = draw(st.deferred(lambda: st.sampled_from(keras_files()))), ".h5"
    small = len(good) < 100_000
    content = draw(mutated(good)) if small and draw(st.booleans()) else good
    if draw(st.integers(0, 9)) == 0:
        suffix = draw(_SUFFIXES)
    return Case({f"w{suffix}": content})


def act(folder: Path) -> None:
    """Read the file and load it into a network, as `[classifier] weights` does."""
    path = next(folder.iterdir())
    if path.suffix in (".h5", ".hdf5"):
        read_keras_weights(path)
    tensors = read_weights(path, "conv1")
    load_into(network(), tensors, ignored=("fc.",), path=path)
