"""A classifier as programs for other tools, each held to what the classifier itself says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import ExportError
from augsearch.silence import Silence

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from augsearch.classifiers.image_network import ImageNetwork

TOLERANCE = 1e-3
"""Largest difference of a probability where all was computed in float32."""
LOWERED_TOLERANCE = 0.05
"""The same where the classifier computes in bfloat16, which has 8 bits to float32's 24."""
CHECKED = 256
"""Images at most that programs are checked on."""

INPUT, OUTPUT = "images", "probabilities"

_BATCH = 64
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

Said = NDArray[np.float64] | NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reference:
    """What the classifier says about some images.

    Attributes:
        images: uint8, (N, H, W, C).
        probabilities: float64, (N, classes).
        lowered: Whether the classifier computes in bfloat16.
    """

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float64]
    lowered: bool


@dataclass(frozen=True)
class Parity:
    """How far a program agrees with its classifier.

    Attributes:
        file: Name of the program's file or folder.
        precision: What it computes in: "float32", or "bfloat16" below the last layer.
        difference: The largest difference of a probability.
        allowed: What it may be.
        same: Images that both decide alike.
        images: Images that were looked at.
    """

    file: str
    precision: str
    difference: float
    allowed: float
    same: int
    images: int

    def __str__(self) -> str:
        return (
            f"{self.file} ({self.precision}): differs from the classifier by at most "
            f"{self.difference:.2g} ({self.allowed:g} allowed) on {self.images} images, "
            f"{self.same} decided alike"
        )


def write_program(network: ImageNetwork, path: Path, reference: Reference) -> Parity:
    """Write a network as a `torch.export` program (.pt2), in its own precision.

    It takes uint8, (N, H, W, C), for any N, and gives float32, (N, classes).

    Raises:
        ExportError: The program, read back, does not agree with the classifier.
    """
    import torch

    torch.export.save(traced(network, reference), path)
    read = torch.export.load(path).module()

    def run(images: NDArray[np.uint8]) -> Said:
        said: NDArray[np.float32] = read(torch.from_numpy(images)).numpy()
        return said

    return held_to(reference, run, path.name, network.lowered)


def traced(network: ImageNetwork, reference: Reference) -> ExportedProgram:
    """Return a network as a program for any number of images."""
    import torch

    example = torch.zeros((2, *reference.images.shape[1:]), dtype=torch.uint8)
    shapes = ({0: torch.export.Dim(INPUT)},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine
    return program


def write_onnx(network: ImageNetwork, path: Path, reference: Reference) -> Parity:
    """Write a network as ONNX, in float32: few runtimes have convolutions in bfloat16.

    Raises:
        ExportError: A package is missing, or the program, read back by ONNX Runtime, does not agree
            with the classifier.
    """
    missing = [name for name in _ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportError(
            f"ONNX needs {', '.join(missing)}, not installed; run: pip install 'augsearch[onnx]'"
        )
    import onnxruntime
    import torch

    with Silence("torch.onnx", below=logging.ERROR):
        written = torch.onnx.export(
            traced(network.in_float32(), reference),
            dynamic_shapes=({0: "n"},),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    if written is None:
        raise ExportError(f"{path.name} could not be made of this network by torch.")
    written.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> Said:
        said: NDArray[np.float32] = session.run([OUTPUT], {INPUT: images})[0]
        return said

    return held_to(reference, run, path.name, lowered=False)


def held_to(
    reference: Reference,
    run: Callable[[NDArray[np.uint8]], Said],
    file: str,
    lowered: bool,
) -> Parity:
    """Compare a program with its classifier, in batches of which the last may be short.

    Args:
        reference: What the classifier says.
        run: The program.
        file: Its name.
        lowered: Whether it computes in bfloat16.

    Raises:
        ExportError: They differ by more than is allowed.
    """
    images, wanted = reference.images, reference.probabilities
    starts = range(0, len(images), _BATCH)
    said = np.concatenate([run(images[start : start + _BATCH]) for start in starts])
    parity = Parity(
        file=file,
        precision="bfloat16" if lowered else "float32",
        difference=float(np.abs(said - wanted).max()),
        allowed=LOWERED_TOLERANCE if reference.lowered else TOLERANCE,
        same=int((said.argmax(axis=1) == wanted.argmax(axis=1)).sum()),
        images=len(images),
    )
    if not parity.difference <= parity.allowed:
        raise ExportError(f"{parity}; {_remedy(reference.lowered)}")
    return parity


def _remedy(lowered: bool) -> str:
    if lowered:
        return (
            'the classifier computes in bfloat16: set precision = "float32" in its table and run '
            "the study anew"
        )
    return "it is not the same classifier and must not be used for it"
