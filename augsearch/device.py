"""Which device the networks run on, and with how many threads, where that decides the last bit.

torch cuts work into as many runs as there are threads. Sums over parts are added up in another
order, and the end of a run that does not fill a vector register is computed by other instructions:
either way the last bits of a number depend on the number of threads, and a GAN's training makes
other images of that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from augsearch.errors import AugsearchError


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
    if not present[name]:
        here = ", ".join(device for device, ok in present.items() if ok)
        raise AugsearchError(
            f"device must be one this machine has ({here}) but got {name!r}; "
            'set device = "auto" to take the best one.'
        )
    return name


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


def even_threads() -> int:
    """Return the largest power of two among the threads torch has.

    Batches and channels of the networks are multiples of powers of two, so such a number cuts them
    into whole registers (3 threads were seen to break EfficientNet's rows; 1, 2, 4, 8 were not).
    """
    return 1 << (thread_count().bit_length() - 1)
