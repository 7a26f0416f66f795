"""Calls that are made in other threads while the one who asked for them goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, final

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")

_SIDE_BY_SIDE = 4
"""Calls at a time; on two cores more were slower."""

_WORTH = 1e-3
"""Seconds of a call from which threads pay. What takes less is mostly Python's own work, of which
one thread at a time does any: an image of 56 pixels a side takes 0.26 ms to decode, and 0.40 where
threads wait for one another."""


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


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in their order, computed side by side if that pays.

    What a call raises is raised where its result would have come.

    Args:
        function: For several threads at once.
        items: Gone through in the reader's own thread, a few ahead of what is yielded.
    """
    left = iter(items)
    seconds = 0.0
    for item in islice(left, 2):  # the first may load what the others have then
        start = time.perf_counter()
        result = function(item)
        seconds = time.perf_counter() - start
        yield result
    if seconds < _WORTH:
        yield from map(function, left)
        return
    coming: deque[Future[Result]] = deque()
    threads = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="in_order")
    try:
        for item in left:
            coming.append(threads.submit(function, item))
            if len(coming) > _SIDE_BY_SIDE:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
