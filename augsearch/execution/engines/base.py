"""What an engine is: the one place that says where the heavy calls of a run take place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from augsearch.classifiers.base import Classifier
from augsearch.events import Notify
from augsearch.execution.engines.fitting import Fitting
from augsearch.records import ImageBlock
from augsearch.sources.base import Pool

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(ABC):
    """Maps calls that are independent of each other over what there is to compute with.

    A call gives the same result wherever it takes place, to the last bit on the same kind of
    device, so all engines end with the same numbers. The process that holds the engine alone owns
    ledger, MLflow and report. What a call leaves on disk it leaves in the run's artifacts.
    """

    @abstractmethod
    def begin(self, device: str) -> None:
        """Make sure that there is what a run needs, before anything is read.

        Args:
            device: The study's `device` setting.

        Raises:
            AugsearchError: There is not.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many calls take place at the same time."""

    @abstractmethod
    def map(
        self, call: Callable[[Item, Notify], Result], items: Iterable[Item], notify: Notify
    ) -> Iterator[Result]:
        """Yield what `call` makes of each item, in order.

        Args:
            call: Takes an item and a listener; must not depend on what other calls did.
            items: The items.
            notify: Takes what the calls tell. Progress is counted over all items, if `items` knows
                how many they are.

        Raises:
            AugsearchError: Whatever a call raises, as it is.
        """

    @abstractmethod
    def pools(self, fittings: Iterable[Fitting], notify: Notify) -> Iterator[Pool]:
        """Fit sources that do not wait for each other, and yield their pools, in order."""

    @abstractmethod
    def classifier(self, kind: str, make: Callable[[], Classifier]) -> Classifier:
        """Return what `make` builds, for use in `map` and `pools`.

        Args:
            kind: What decides whether such classifiers fit together.
            make: Builds it.

        Raises:
            AugsearchError: It cannot be built.
        """

    @abstractmethod
    def block(self, block: ImageBlock) -> ImageBlock:
        """Return the same images, in a form that can be handed to many calls at no cost."""

    @abstractmethod
    def pick_device(self, name: str) -> str:
        """Return the torch device that calls compute on, for the study's `device` setting.

        Raises:
            AugsearchError: There is no such device.
        """

    @abstractmethod
    def has_bf16(self, device: str) -> bool:
        """Whether that device multiplies bfloat16 numbers in hardware."""

    @abstractmethod
    def thread_count(self) -> int:
        """Return how many threads a run that begins now computes with."""

    @abstractmethod
    def threads(self, count: int) -> AbstractContextManager[None]:
        """Let all calls compute with `count` threads for a while.

        Raises:
            AugsearchError: There is nothing that could.
        """
