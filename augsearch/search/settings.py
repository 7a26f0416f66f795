"""What the settings of search rules have in common, and the checks that they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal, get_args

Direction = Literal["maximize", "minimize"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)


def sign_of(direction: Direction) -> int:
    """Return 1 where larger scores are better, -1 where smaller ones are."""
    return 1 if direction == "maximize" else -1


def plain_number(name: str, value: object) -> float:
    """Return a finite number as a plain int or float (numpy's have their own types).

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number but got {value!r}.")
    if isinstance(value, Integral):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite but got {value!r}.")
    return float(value)


def whole_number(name: str, value: object) -> int:
    """Return a whole number as a plain int.

    Raises:
        TypeError: It is none.
        ValueError: It is not finite.
    """
    number = plain_number(name, value)
    if not isinstance(number, int):
        raise TypeError(f"{name} must be a whole number but got {value!r}.")
    return number


def check_known(name: str, value: object, known: Sequence[str]) -> None:
    """Raise ValueError, with the list, unless `value` is one of `known`."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)} but got {value!r}.")
