"""The engine of one machine: every call takes place here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from operator import length_hint
from typing import final

from augsearch import device
from augsearch.classifiers.base import Classifier
from augsearch.events import Notify
from augsearch.execution.engines.base import Engine, Item, Result
from augsearch.execution.engines.fitting import Fitting
from augsearch.execution.engines.progress import Progress
from augsearch.records import ImageBlock
from augsearch.sources.base import Pool


@final
class LocalEngine(Engine):
    """This process, with torch's threads and its GPU if there is one."""

    workers = 1

    def begin(self, device: str) -> None:
        """Do nothing: what is not here shows soon enough."""

    def close(self) -> None:
        """Do nothing."""

    def map(
        self, call: Callable[[Item, Notify], Result], items: Iterable[Item], notify: Notify
    ) -> Iterator[Result]:
        """Yield what `call` makes of each item; both are made when they are asked for."""
        progress = Progress(length_hint(items), notify)
        for number, item in enumerate(items):
            yield call(item, partial(progress.tell, number))

    def pools(self, fittings: Iterable[Fitting], notify: Notify) -> Iterator[Pool]:
        """Fit one source after the other."""
        for fitting in fittings:
            yield fitting.pool(notify)

    def classifier(self, kind: str, make: Callable[[], Classifier]) -> Classifier:
        """Return what `make` builds."""
        return make()

    def block(self, block: ImageBlock) -> ImageBlock:
        """Return the block itself."""
        return block

    def pick_device(self, name: str) -> str:
        """Return the torch device of this machine for the study's setting."""
        return device.pick_device(name)

    def has_bf16(self, name: str) -> bool:
        """Whether this machine's device multiplies bfloat16 numbers in hardware."""
        return device.has_bf16(name)

    def thread_count(self) -> int:
        """Return how many threads torch has here."""
        return device.thread_count()

    def threads(self, count: int) -> AbstractContextManager[None]:
        """Let torch compute with `count` threads for a while."""
        return device.threads(count)


LOCAL = LocalEngine()
"""Keeps nothing, so one is enough."""
