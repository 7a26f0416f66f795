"""Work that is done ahead, in a thread of its own, for the one who will need it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Stands behind the last item."""


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Yield `items` in their order while another thread makes the one that comes next.

    One item is finished or in the making besides the one that is out, so memory stays bounded.
    What making an item raises is raised where the item would have come. When the reader stops
    early, the thread ends with the item it is at.

    Args:
        items: Gone through once, in the other thread alone.
    """
    iterator, end = iter(items), _End()
    worker = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def following() -> Item | _End:
        return next(iterator, end)

    try:
        coming = worker.submit(following)
        while not isinstance(item := coming.result(), _End):
            coming = worker.submit(following)
            yield item
    finally:
        worker.shutdown(wait=True, cancel_futures=True)
