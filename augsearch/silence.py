"""What libraries say of their own accord, kept off the screen."""

from __future__ import annotations

import logging
import threading
import warnings
from contextlib import ExitStack
from typing import final


@final
class Silence:
    """Hides warnings, and what a library's logger says, while any thread is in its with-block.

    Both are settings of the whole process. Of two threads that each put back what they found, as
    `warnings.catch_warnings` does, the one that leaves last would put back the other's silence.

    Args:
        logger: Name of the library's logger; None: only warnings are hidden.
        below: Level of the messages that come through.
        warned: Whether warnings are heard.
    """

    def __init__(
        self, logger: str | None = None, below: int = logging.CRITICAL + 1, *, warned: bool = False
    ) -> None:
        self._logger = None if logger is None else logging.getLogger(logger)
        self._below, self._warned = below, warned
        self._lock, self._inside, self._hidden = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._begin()
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._hidden.close()

    def _begin(self) -> None:
        if not self._warned:
            self._hidden.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        if self._logger:
            self._hidden.callback(self._logger.setLevel, self._logger.level)
            self._logger.setLevel(max(self._logger.getEffectiveLevel(), self._below))
