"""The only place where randomness begins: (study seed, purpose, fold, replicate, ...) -> generator.

A seed is a path of words and numbers. Its generators depend on the path alone, never on how many
numbers were drawn elsewhere, so a cell gives the same result however a run is split up.
"""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Seed:
    """A named point in the tree of random streams.

    Example:
        >>> Seed.of(0, "pool").child("acgan", 1) == Seed.of(0, "pool", "acgan", 1)
        True
        >>> Seed.of(0, "a").integer() == Seed.of(0, "b").integer()
        False
    """

    path: tuple[int | str, ...]

    @classmethod
    def of(cls, *path: int | str) -> Seed:
        """Start a path; the first element is by custom the study seed."""
        return cls(path)

    def child(self, *more: int | str) -> Seed:
        """Return the seed further down the tree."""
        return Seed(self.path + more)

    def integer(self) -> int:
        """Return 63 bits that depend on the path alone."""
        return int.from_bytes(self._digest()[:8], "little") >> 1

    def generator(self) -> np.random.Generator:
        """Return a fresh NumPy generator (Philox, 128 bits of the path's hash as key)."""
        return np.random.Generator(np.random.Philox(key=int.from_bytes(self._digest()[:16])))

    def torch_generator(self, device: str = "cpu") -> torch.Generator:
        """Return a fresh torch generator on `device`."""
        import torch

        return torch.Generator(device=device).manual_seed(self.integer())

    def _digest(self) -> bytes:
        # repr keeps 1 and "1" apart and quotes separators inside words; that of a number of NumPy's
        # is another one in every version of it.
        path = tuple(one if isinstance(one, str) else operator.index(one) for one in self.path)
        return hashlib.sha256(repr(path).encode()).digest()
