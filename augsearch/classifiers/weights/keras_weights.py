"""Weight files of Keras (HDF5) that hold a DenseNet of keras-applications, by torchvision's names.

Kong et al. 2022 start from the CheXNet of brucechou1983/CheXNet-Keras, which is such a file. That
network was trained on pixels divided by 255, less ImageNet's channel means, over its deviations:
torchvision's own range, so the backbone treats its images like those of any other DenseNet.

The layout: an attribute `layer_names`, a group per layer with an attribute `weight_names`, and
under each of these names the numbers. A whole saved model has the same in its group
`model_weights`; a DenseNet inside another model is one layer with hundreds of weights. What else a
file holds (the model's configuration, the optimiser) is not looked at, and nothing is ever run.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from augsearch.errors import WeightsError
from augsearch.messages import few

_EPSILON_GAP = 1.001e-5 - 1e-5
"""Batch norms of keras-applications add 1.001e-5 to the variance, torchvision's add 1e-5."""

_MOST_NUMBERS = 2**24
"""No layer of a DenseNet has more; a file that claims to would only fill the memory."""

_MOST_IN_ALL = 2**26
"""Nor has a whole DenseNet; a file can name the same numbers many times."""

_ENDS = {
    **dict.fromkeys(("conv1/conv", "conv1_conv"), "conv0"),
    **dict.fromkeys(("conv1/bn", "conv1_bn"), "norm0"),
    "bn": "norm5",
}
_DENSE = re.compile(r"conv([2-9])_block(\d+)_(0_bn|1_conv|1_bn|2_conv)")
_DENSE_PARTS = {"0_bn": "norm1", "1_conv": "conv1", "1_bn": "norm2", "2_conv": "conv2"}
_TRANSITION = re.compile(r"pool([2-9])_(bn|conv)")
_TRANSITION_PARTS = {"bn": "norm", "conv": "conv"}
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

_Layers = dict[str, dict[str, h5py.Dataset]]


def read_keras_weights(path: Path) -> dict[str, Tensor]:
    """Read a DenseNet of keras-applications from an HDF5 file of Keras.

    Kernels (height, width, in, out) become (out, in, height, width). The variances of the batch
    norms grow by the difference of the two libraries' epsilons, so that the outputs agree. Dense
    layers (kernels of two axes) are classification heads and are left out.

    Returns:
        float32 tensors by torchvision's names ("features.conv0.weight").

    Raises:
        WeightsError: The file cannot be read, holds another kind of network, or refers to data
            outside itself.
    """
    try:
        # Nothing is written, and file systems without locks are common where data is shared.
        with h5py.File(path, "r", locking=False) as file:
            return _tensors(_model(file, path), path)
    except WeightsError:
        raise
    except Exception as error:  # foreign bytes make the parser fail in every way there is
        raise WeightsError(
            f"{path} cannot be read as Keras weights ({error}); it must be an HDF5 file saved by "
            "Keras. Is it whole?"
        ) from error


def _model(file: h5py.File, path: Path) -> h5py.Group:
    """Return the group with the layers."""
    group = file
    if file.get("model_weights", getlink=True) is not None:
        group = _member(file, "model_weights", path)
    if not _strings(group, "layer_names", path):
        raise WeightsError(
            f"{path} must name its layers (attribute layer_names) but does not; save the network "
            "in Keras by model.save('name.h5') (a .weights.h5 file of Keras 3 has no names)."
        )
    if _strings(group, "backend", path) == ["theano"]:
        raise WeightsError(
            f"{path} must come from Keras on TensorFlow but comes from Theano, whose kernels are "
            "mirrored; load it in Keras on TensorFlow and save it again."
        )
    return group


def _tensors(model: h5py.Group, path: Path) -> dict[str, Tensor]:
    layers = {name: one for name, one in _layers(model, path).items() if not _is_head(name, one)}
    _check_kind(layers, path)
    # One that is too large by itself is refused by its name below.
    sizes = (one.size or 0 for variables in layers.values() for one in variables.values())
    claimed = sum(size for size in sizes if size <= _MOST_NUMBERS)
    if claimed > _MOST_IN_ALL:
        raise WeightsError(
            f"{path} must hold at most {_MOST_IN_ALL} numbers in all but claims {claimed}; no "
            "DenseNet has more."
        )
    return {
        f"{layer}.{_VARIABLES.get(variable, variable)}": _tensor(variable, dataset, path)
        for layer, variables in layers.items()
        for variable, dataset in variables.items()
    }


def _layers(model: h5py.Group, path: Path) -> _Layers:
    """Return the data sets of each layer; known layers by torchvision's name, others by Keras's."""
    layers: _Layers = {}
    for layer in _strings(model, "layer_names", path):
        group = _member(model, layer, path)
        for weight in _strings(group, "weight_names", path):
            *scope, variable = weight.split("/")
            name = _torchvision_name(layer, scope) or "/".join(dict.fromkeys([layer, *scope]))
            variables = layers.setdefault(name, {})
            variable = variable.split(":")[0]
            if variable in variables:
                raise WeightsError(
                    f"{path} must hold one network but holds {layer}/{weight} twice; save the "
                    "network that is wanted by itself."
                )
            variables[variable] = _dataset(group, weight, path)
    return layers


def _torchvision_name(layer: str, scope: list[str]) -> str | None:
    # A network inside another one is a single layer; the names of its weights tell the rest.
    for name in (layer, "/".join(scope[-2:]), "/".join(scope[-1:])):
        if name in _ENDS:
            return f"features.{_ENDS[name]}"
        if dense := _DENSE.fullmatch(name):
            block, number, part = dense.groups()
            return f"features.denseblock{int(block) - 1}.denselayer{number}.{_DENSE_PARTS[part]}"
        if transition := _TRANSITION.fullmatch(name):
            block, part = transition.groups()
            return f"features.transition{int(block) - 1}.{_TRANSITION_PARTS[part]}"
    return None


def _is_head(name: str, variables: Mapping[str, h5py.Dataset]) -> bool:
    kernel = variables.get("kernel")
    return not name.startswith("features.") and kernel is not None and kernel.ndim == 2


def _check_kind(layers: _Layers, path: Path) -> None:
    foreign = [name for name in layers if not name.startswith("features.")]
    first = layers.get("features.conv0", {}).get("kernel")
    if foreign or first is None:
        raise WeightsError(
            f"{path} must hold a DenseNet of keras-applications (layers conv1/conv, conv1/bn, "
            "conv2_block1_0_bn, ..., bn) but has "
            f"{few(foreign or layers, 3) or 'no layers at all'}; nothing but such a network can be "
            "read from a Keras file."
        )
    if len(first.shape) != 4 or first.shape[2] != 3:
        raise WeightsError(
            f"{path} must hold a network of three input channels (conv1/conv of shape 7, 7, 3, "
            f"64) but conv1/conv has the shape {first.shape}."
        )


def _tensor(variable: str, dataset: h5py.Dataset, path: Path) -> Tensor:
    if dataset.dtype.kind != "f":
        raise WeightsError(
            f"{path} must hold floating-point numbers in {dataset.name} but holds {dataset.dtype}."
        )
    if dataset.external or dataset.is_virtual:
        raise _outside(dataset.name, path)
    if dataset.size > _MOST_NUMBERS:
        raise WeightsError(
            f"{path} must hold at most {_MOST_NUMBERS} numbers in a layer but {dataset.name} has "
            f"the shape {dataset.shape}."
        )
    values = torch.from_numpy(np.asarray(dataset[()], dtype=np.float64))
    if variable == "moving_variance":
        values = values + _EPSILON_GAP
    if variable == "kernel" and values.ndim == 4:
        values = values.permute(3, 2, 0, 1)
    return values.float().contiguous()


def _member(group: h5py.Group, name: str, path: Path) -> h5py.Group | h5py.Dataset:
    """Go down from a group by a name with slashes, along links that stay in the file."""
    found = group
    for part in filter(None, name.split("/")):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            raise WeightsError(f"{path} names {name} but does not hold it. Is the file whole?")
        if not isinstance(link, h5py.HardLink):
            raise _outside(name, path)
        found = found[part]
    return found


def _dataset(group: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    found = _member(group, name, path)
    if not isinstance(found, h5py.Dataset):
        raise WeightsError(f"{path} must hold numbers in {found.name} but does not.")
    return found


def _outside(name: str, path: Path) -> WeightsError:
    return WeightsError(
        f"{path} must hold its numbers itself but {name} refers to another place, and no link in "
        "a weight file is ever followed."
    )


def _strings(group: h5py.Group, name: str, path: Path) -> list[str]:
    """Return the strings of an attribute, which may be cut into name0, name1 ...; else none."""
    if not isinstance(group, h5py.Group):
        raise WeightsError(f"{path} must hold a group at {group.name} but does not.")
    parts = [name] if name in group.attrs else []
    if not parts:
        numbered = (f"{name}{number}" for number in itertools.count())
        parts = list(itertools.takewhile(group.attrs.__contains__, numbered))
    values = [one for part in parts for one in np.ravel(group.attrs[part]).tolist()]
    return [one.decode() if isinstance(one, bytes) else str(one) for one in values]
