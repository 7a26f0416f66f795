"""Eight shapes that the true score may have along K.

Published curves rise and saturate, rise and fall again, or do nothing; the others are what a rule
that stops early is afraid of. How fast each one moves is a choice of the lab.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shape = Callable[[Floats], Floats]

LARGEST = 60
"""Largest multiple of the lab."""

MULTIPLES: Floats = np.arange(1.0, LARGEST + 1)
"""Every multiple of the lab, (60,)."""

GAIN = 0.05
"""How far a curve rises above its value at K = 1 (or falls below it) by default."""


def curve(shape: str, base: float, gain: float = GAIN) -> Floats:
    """Return the true score at each of `MULTIPLES`, (60,).

    Args:
        shape: One of `SHAPES`.
        base: Score at K = 1.
        gain: What the best K is above it, the worst K of "harmful" below it.

    Example:
        >>> [float(curve(name, 0.8).max().round(3)) for name in ("flat", "harmful", "late")]
        [0.8, 0.8, 0.85]
    """
    return base + gain * SHAPES[shape](MULTIPLES)


def _saturating(multiples: Floats) -> Floats:
    return _from_base_to_one(1 - np.exp(-(multiples - 1) / 3))


def _slow(multiples: Floats) -> Floats:
    return np.log(multiples) / math.log(LARGEST)


def _rise_then_fall(multiples: Floats) -> Floats:
    return _from_base_to_one(_bump(multiples, at=8, width=0.7))


def _early_peak(multiples: Floats) -> Floats:
    later = np.maximum(np.log(multiples / 4), 0) / math.log(LARGEST / 4)
    return _from_base_to_one(_bump(multiples, at=2.5, width=0.5) - 0.5 * later)


def _two_bumps(multiples: Floats) -> Floats:
    first, second = _bump(multiples, at=4, width=0.4), _bump(multiples, at=14, width=0.4)
    return _from_base_to_one(0.6 * first + second)


def _late(multiples: Floats) -> Floats:
    return _from_base_to_one(1 / (1 + np.exp(-(multiples - 17) / 3)))


def _flat(multiples: Floats) -> Floats:
    return np.zeros(len(multiples))


def _harmful(multiples: Floats) -> Floats:
    return -_slow(multiples)


def _bump(multiples: Floats, at: float, width: float) -> Floats:
    """Return a bell over log K with its top, 1, at K = `at`."""
    bell: Floats = np.exp(-0.5 * (np.log(multiples / at) / width) ** 2)
    return bell


def _from_base_to_one(values: Floats) -> Floats:
    """Shift and scale values to 0 at K = 1 and a largest value of 1."""
    risen = values - values[0]
    scaled: Floats = risen / risen.max()
    return scaled


SHAPES: Mapping[str, Shape] = {
    "saturating": _saturating,
    "slow rise": _slow,
    "rise then fall": _rise_then_fall,
    "early peak": _early_peak,
    "two bumps": _two_bumps,
    "late": _late,
    "flat": _flat,
    "harmful": _harmful,
}
"""Name -> gain at each multiple in units of the largest, 0 at K = 1."""
