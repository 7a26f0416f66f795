"""Calls that are made in other threads while the one who asked for them goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, final

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@final
class Background:
    """Takes calls in a with-block and has made all of them when that ends.

    What a call raises is raised at the latest there, and earlier if a later call has to wait for
    it. If the block ends by an exception of its own, that one is raised.

    Args:
        threads: Calls that are made at a time.
        waiting: Calls that may be unfinished; the next one waits, so that memory stays bounded.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._most = waiting
        self._unfinished: deque[Future[Any]] = deque()

    def __enter__(self) -> Background:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=True)
        if error is None:
            for call in self._unfinished:
                call.result()

    def call(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Have `function` called; what it will return is in the future."""
        if len(self._unfinished) == self._most:
            self._unfinished.popleft().result()
        begun = self._threads.submit(function, *args, **kwargs)
        self._unfinished.append(begun)
        return begun
