"""Which device the networks run on, and with how many threads, where that decides the last bit.

torch cuts work into as many runs as there are threads. Sums over parts are added up in another
order, and the end of a run that does not fill a vector register is computed by other instructions:
either way the last bits of a number depend on the number of threads, and a GAN's training makes
other images of that.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from augsearch.errors import AugsearchError

Precision = Literal["float32", "bf16"]
"""What a network computes in: single precision, or bfloat16 with sums in single precision."""


def pick_device(name: str) -> str:
    """Return the torch device for the study's `device` setting.

    Args:
        name: "auto" (CUDA, then Apple MPS, then CPU), "cuda", "mps" or "cpu".

    Raises:
        AugsearchError: The named device is not on this machine.
    """
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, here in present.items() if here)
    if not present.get(name):
        here = ", ".join(device for device, ok in present.items() if ok)
        raise AugsearchError(
            f"device must be one this machine has ({here}) but got {name!r}; "
            'set device = "auto" to take the best one.'
        )
    return name


def pick_precision(wanted: Literal["auto"] | Precision, device: str) -> Precision:
    """Return what a network computes in on `device`, by facts of the hardware alone.

    Args:
        wanted: "auto" (bf16 where the device has it), "float32" or "bf16".
        device: The torch device.

    Raises:
        AugsearchError: bf16 is wanted of a device that has none.
    """
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "float32"
    if wanted == "bf16" and not has_bf16(device):
        raise AugsearchError(
            f"precision must be one that the device has but {device!r} here has no bf16 (it takes "
            "a processor with AVX512_BF16 or AMX, or a CUDA GPU of compute capability 8.0); set "
            'precision = "auto" or "float32".'
        )
    return wanted


def has_bf16(device: str) -> bool:
    """Whether `device` multiplies bfloat16 numbers in hardware.

    Other processors would emulate it, slower than float32. Those of which torch does not say are
    taken to have none.
    """
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def thread_count() -> int:
    """Return how many threads torch computes with."""
    import torch

    return torch.get_num_threads()


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads for a while (a setting of the whole process)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def torch_as_new() -> Iterator[None]:
    """Let torch compute as in a new process, whatever a notebook has set for code of its own.

    That is gradients, autocast, and the default device and dtype.
    """
    torch = sys.modules.get("torch")
    if torch is None:  # not loaded, so nothing is set
        yield
        return
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        if dtype != torch.float32:  # a setting of the whole process
            stack.callback(torch.set_default_dtype, dtype)
            torch.set_default_dtype(torch.float32)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


def even_threads() -> int:
    """Return the largest power of two among the threads torch has.

    Batches and channels of the networks are multiples of powers of two, so such a number cuts them
    into whole registers (3 threads were seen to break EfficientNet's rows; 1, 2, 4, 8 were not).
    """
    return 1 << (thread_count().bit_length() - 1)


def has_triton(device: str) -> bool:
    """Return whether Triton kernels can be compiled for the device.

    That takes a CUDA or ROCm GPU, the package (part of torch's GPU builds for Linux) and, for a
    small piece of glue, a C compiler with Python's headers.
    """
    import torch

    headers = Path(sysconfig.get_path("include"), "Python.h")
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    return (
        torch.device(device).type == "cuda"
        and importlib.util.find_spec("triton") is not None
        and compiler is not None
        and headers.exists()
    )
