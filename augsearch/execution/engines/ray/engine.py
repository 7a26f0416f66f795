"""The engine of a Ray cluster: calls are tasks, spread over all its CPUs or GPUs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import length_hint
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from augsearch import device
from augsearch.classifiers.base import Classifier
from augsearch.errors import AugsearchError
from augsearch.events import Event, Notify, PictureMade, Warned, silent
from augsearch.execution.engines.base import Engine, Item, Result
from augsearch.execution.engines.fitting import Fitting
from augsearch.execution.engines.progress import Progress
from augsearch.execution.engines.ray import objects
from augsearch.execution.engines.ray.cluster import (
    Node,
    Share,
    alive_nodes,
    connect,
    has,
    share_of,
)
from augsearch.execution.engines.ray.objects import ClassifierThere, PoolThere, shared
from augsearch.execution.engines.ray.tasks import Tasks
from augsearch.execution.engines.ray.worker import Arithmetic, Surroundings, arithmetic
from augsearch.records import ImageBlock
from augsearch.sources.base import Pool
from augsearch.storage import ArtifactStore


@final
class RayEngine(Engine):
    """A Ray cluster, or one on this machine that ends with the run.

    A call whose worker dies is made again, by another one; the calls of a run that was killed are
    made again when it goes on. Either way what they had left on disk is found there.

    Args:
        directory: The run directory.
        address: Of the cluster; None: see `connect`.
        store: Mirrors the run directory, for nodes that do not share it; None: all of them do.
    """

    def __init__(
        self, directory: Path, address: str | None = None, store: ArtifactStore | None = None
    ) -> None:
        self._directory = directory
        self._store = store
        self._address = address
        self._own = False
        self._device = "cpu"
        self._threads = 1
        self._arithmetic: Arithmetic | None = None
        self._together: dict[str, bool] = {}
        self._tasks: Tasks | None = None

    def begin(self, name: str) -> None:
        """Connect, and make sure that the cluster has what the run needs."""
        self._own = connect(self._address)
        self._tasks = Tasks()
        self._device = self.pick_device(name)
        self._threads = self.thread_count()
        (self._arithmetic,) = self.map(_arithmetic, [self._device], silent)

    def close(self) -> None:
        """Stop what still runs and leave the cluster."""
        if self._tasks is not None:
            self._tasks.close()
            self._tasks = None
        if self._own:
            import ray

            ray.shutdown()
            self._own = False

    @property
    def workers(self) -> int:
        """How many calls the nodes that are up have room for, at least 1."""
        share = self._share
        return max(1, sum(share.times_in(node) for node in alive_nodes()))

    def map(
        self, call: Callable[[Item, Notify], Result], items: Iterable[Item], notify: Notify
    ) -> Iterator[Result]:
        """Make all calls, as many at a time as there is room for; yield results in order."""
        if self._store is not None:
            notify = partial(self._fetch, self._store, notify)
        progress = Progress(length_hint(items), notify)
        surroundings = Surroundings(
            self._directory, self._store, self._device, self._threads, self._arithmetic
        )
        if self._tasks is None:
            raise RuntimeError("an engine must have begun before it maps anything")
        yield from self._tasks.map(call, items, surroundings, self._share, progress)
        if self._store is not None:
            self._store.pull(self._directory / "artifacts")

    def pools(self, fittings: Iterable[Fitting], notify: Notify) -> Iterator[Pool]:
        """Fit sources at the same time; their images are made on the cluster too."""
        import ray

        wanted = list(fittings)
        notify = _once(notify)  # a fit repeats the warnings of its parts
        parts = [ray.put(part) for fitting in wanted for part in fitting.parts()]
        for _ in self.map(objects.fit_part, parts, notify):
            pass
        references = [ray.put(fitting) for fitting in wanted]
        facts = self.map(objects.fit, references, notify)
        for reference, known in zip(references, facts, strict=True):
            yield PoolThere(reference, known, self._images)

    def classifier(self, kind: str, make: Callable[[], Classifier]) -> Classifier:
        """Return a classifier that is built on the cluster, once it was built there for a try."""
        import ray

        reference = ray.put(make)
        if kind not in self._together:
            (self._together[kind],) = self.map(_fits_together, [reference], silent)
        return ClassifierThere(reference, self._together[kind])

    def block(self, block: ImageBlock) -> ImageBlock:
        """Return the block with its pixels in the cluster's object store."""
        return shared(block)

    def pick_device(self, name: str) -> str:
        """Return "cuda" or "cpu": a GPU if any node has one and the study wants it.

        Raises:
            AugsearchError: The study wants what no node has.
        """
        nodes = alive_nodes()
        present = {"cuda": any(node.gpus for node in nodes), "cpu": True}
        if name == "auto":
            return next(found for found, there in present.items() if there)
        if not present.get(name, False):
            raise AugsearchError(
                f"device must be one that the Ray cluster has but got {name!r}: {has(nodes)}. Add "
                'such a node, or set device = "auto" to take the best one.'
            )
        return name

    def has_bf16(self, name: str) -> bool:
        """Whether the workers' device multiplies bfloat16 numbers in hardware."""
        return self._arithmetic is not None and self._arithmetic.has_bf16

    def thread_count(self) -> int:
        """Return how many threads torch has here, or as many as the largest node has CPUs."""
        return min(device.thread_count(), max(_cpus(alive_nodes()), 1))

    @contextlib.contextmanager
    def threads(self, count: int) -> Iterator[None]:
        """Let calls compute with `count` threads; each takes as many CPUs."""
        before, self._threads = self._threads, count
        try:
            share_of(self._device, count, alive_nodes())
            with device.threads(count):
                yield
        finally:
            self._threads = before

    def _fetch(self, store: ArtifactStore, notify: Notify, event: Event) -> None:
        if isinstance(event, PictureMade):
            store.pull(event.path.parent)
        notify(event)

    @property
    def _share(self) -> Share:
        return share_of(self._device, self._threads, alive_nodes())

    def _images(self, pool: PoolThere, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        (images,) = self.map(_images, [(pool, label, start, stop)], silent)
        return images


def _once(notify: Notify) -> Notify:
    """Return a listener that hears every warning once."""
    heard: set[str] = set()

    def tell(event: Event) -> None:
        if not isinstance(event, Warned) or event.message not in heard:
            notify(event)
        if isinstance(event, Warned):
            heard.add(event.message)

    return tell


def _cpus(nodes: Iterable[Node]) -> int:
    return max((node.cpus for node in nodes), default=0)


def _arithmetic(name: str, notify: Notify) -> Arithmetic:
    return arithmetic(name)


def _fits_together(reference: Any, notify: Notify) -> bool:
    return objects.built(reference).fits_together


def _images(asked: tuple[PoolThere, int, int, int], notify: Notify) -> NDArray[np.uint8]:
    pool, label, start, stop = asked
    return pool.images(label, start, stop)
