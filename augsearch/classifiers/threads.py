"""How many threads torch computes with, where that decides about the last bit.

torch cuts elementwise work into as many runs as there are threads. The end of a run that does not
fill a vector register is computed by other instructions, with other last bits in exp and the like.
So a number's bits can depend on its place in the batch, unless every run fills whole registers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads for a while (a setting of the whole process)."""
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
    return 1 << (torch.get_num_threads().bit_length() - 1)
