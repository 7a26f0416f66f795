"""Loops compiled to machine code once per machine, not once per process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(signature: object, **options: Any) -> Callable[[Loop], Loop]:
    """Compile a function for one signature, and keep its machine code beside the file.

    numba keeps it for this processor and this state of the source file, in ``__pycache__``, in the
    user's cache folder or in ``NUMBA_CACHE_DIR``. Where nothing can be written it is compiled in
    every process, which takes some seconds.

    Args:
        signature: numba's; functions that it calls must be there already.
        **options: Of `numba.njit`.
    """

    def decorate(function: Loop) -> Loop:
        try:
            loop = numba.njit(signature, cache=True, **options)(function)
        except (RuntimeError, OSError):  # no place that can be written, or a full one
            loop = numba.njit(signature, **options)(function)
        return cast("Loop", loop)

    return decorate
