"""Stand-ins for what is large or lives on a GPU: kept once in the cluster, used on the workers.

Each holds a reference into Ray's object store. Pickled, it is that reference and little else. What
a worker makes of it stays in the worker's memory for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.events import Notify, silent
from augsearch.execution.engines.fitting import Fitting
from augsearch.records import ImageBlock, TrainingSet
from augsearch.sources.base import Pool


@final
class SharedBlock(ImageBlock):
    """A block whose pixels lie in the object store."""

    def __init__(self, reference: Any, key: str, length: int) -> None:
        vars(self).update(reference=reference, key=key, length=length)

    def __len__(self) -> int:
        return int(vars(self)["length"])

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8, (N, H, W, C), read-only; not copied on the node that has them."""
        import ray

        pixels: NDArray[np.uint8] = ray.get(vars(self)["reference"])
        return pixels


def shared(block: ImageBlock) -> SharedBlock:
    """Put a block's pixels into the object store."""
    import ray

    return SharedBlock(ray.put(np.ascontiguousarray(block.pixels)), block.key, len(block))


@final
class ClassifierThere(Classifier):
    """A classifier that is built where it is used.

    Args:
        reference: Of a function that builds it.
        fits_together: Whether many training sets in one call are faster than one by one.
    """

    def __init__(self, reference: Any, fits_together: bool) -> None:
        self._reference = reference
        self.fits_together = fits_together

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one classifier per training set, here."""
        return built(self._reference).fit(training_sets, notify)


@lru_cache(maxsize=4)
def built(reference: Any) -> Classifier:
    """Build a classifier, once in a process."""
    import ray

    make: Callable[[], Classifier] = ray.get(reference)
    return make()


class Facts(NamedTuple):
    """What is known of a class of a pool without its images."""

    size: int | None
    has_streams: bool


@final
class PoolThere(Pool):
    """A pool of a source that is fitted on the cluster, and whose images are made there.

    On a worker it is the pool itself, read back from what the fit left on disk.

    Args:
        reference: Of the `Fitting`.
        facts: Of each class.
        ask: (this pool, label, start, stop) -> images; None on a worker.
    """

    def __init__(
        self,
        reference: Any,
        facts: Sequence[Facts],
        ask: Callable[[PoolThere, int, int, int], NDArray[np.uint8]] | None = None,
    ) -> None:
        self._reference = reference
        self._facts = facts
        self._ask = ask

    def __reduce__(self) -> tuple[type[PoolThere], tuple[Any, Sequence[Facts]]]:
        return PoolThere, (self._reference, self._facts)

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Return images `start` to `stop` of a class, uint8, (stop - start, H, W, C)."""
        if self._ask is not None:
            return self._ask(self, label, start, stop)
        return _fitted(self._reference).images(label, start, stop)

    def size(self, label: int) -> int | None:
        """Return how many images of the class there are; None if there is no end."""
        return self._facts[label].size

    def has_streams(self, label: int) -> bool:
        """Whether every replicate gets fresh images."""
        return self._facts[label].has_streams


def fit(reference: Any, notify: Notify) -> list[Facts]:
    """Fit a source and return what is to be known of its pool's classes."""
    import ray

    fitting: Fitting = ray.get(reference)
    pool = fitting.pool(notify)
    labels = range(len(fitting.train.classes))
    return [Facts(pool.size(label), pool.has_streams(label)) for label in labels]


def fit_part(reference: Any, notify: Notify) -> None:
    """Do a part of a fit; what it makes lies in the fit's folder."""
    import ray

    fitting: Fitting = ray.get(reference)
    fitting.pool(notify)


@lru_cache(maxsize=16)
def _fitted(reference: Any) -> Pool:
    """Read a finished fit back, once in a process."""
    import ray

    fitting: Fitting = ray.get(reference)
    return fitting.pool(silent)
