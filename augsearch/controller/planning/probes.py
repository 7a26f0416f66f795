"""Short measurements of what the work of a study takes on this machine.

Everything is done once before it is measured, so that imports, compilers and first allocations are
told apart from the work itself. A measurement begins with little work, then does twice as much and
so on, and ends as soon as it has taken a tenth of a second: where what does not depend on the
amount of work counts, not before a second amount has told it apart.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.controller.stages.preparation import Prepared
from augsearch.device import thread_count
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.study.schema.classifier import EndToEndOptions, FrozenOptions
from augsearch.study.schema.generators import AcganOptions, TrainedOptions

_FIRST = 16
"""Images that everything is done once with."""

_BATCH = 64
"""Images that a classifier looks at together if nothing is known about it."""

ENOUGH = 0.1
"""Seconds after which a measurement needs no larger size."""


@dataclass(frozen=True)
class Line:
    """Seconds as a straight line of an amount of work.

    Attributes:
        fixed: Of no work at all.
        slope: Of each unit.
    """

    fixed: float
    slope: float

    def __call__(self, amount: float) -> float:
        """Return the seconds of an amount."""
        return self.fixed + self.slope * amount


@dataclass(frozen=True)
class ClassifierCost:
    """What a classifier takes.

    Attributes:
        together: Whether it trains many sets in one call, on features that it keeps.
        once: Seconds to begin with: libraries, networks, kernels.
        look: Of looking at so many images that it has not seen before.
        train: Of trainings in one call, by the images in their training sets (times epochs, if it
            trains end to end).
    """

    together: bool
    once: float
    look: Line
    train: Line


@dataclass(frozen=True)
class ToolsCost:
    """What it takes until the tools of a study are there: seconds to load and build everything."""

    seconds: float


@dataclass(frozen=True)
class GeneratorCost:
    """What a generator takes: seconds of an iteration of its training, and of an image."""

    iteration: float
    image: float


def measure_tools(prepare: Callable[[], object]) -> ToolsCost:
    """Measure what `prepare` takes, which nobody has called in this process."""
    started = time.perf_counter()
    prepare()
    return ToolsCost(time.perf_counter() - started)


def measure_classifier(prepared: Prepared, name: str, trainings: int, size: int) -> ClassifierCost:
    """Measure a classifier of the study.

    Args:
        prepared: The study's images and tools.
        name: Which one.
        trainings: How many it will train at most.
        size: Images in a training set, about.
    """
    images, options = _Images(prepared), prepared.study.classifier_named(name)
    if prepared.classifiers[name].fits_together:
        batch = _batch(prepared, options) if isinstance(options, FrozenOptions) else _BATCH
        return _heads(prepared.classifiers[name], images, batch, trainings, size)
    if isinstance(options, EndToEndOptions):  # an epoch tells how long the others take
        options = options.model_copy(update={"epochs": 1, "patience": None})
        return _epochs(prepared.make_classifier(options), images, size)
    return _epochs(prepared.classifiers[name], images, size)


def _heads(
    classifier: Classifier, images: _Images, batch: int, trainings: int, size: int
) -> ClassifierCost:
    once, fitted = _begun(classifier, images)
    look = measured(_looking(fitted, images), doubled(batch), least=1)
    # As many at a time as there are threads, because each head has one.
    count = min(thread_count(), trainings)

    def train(n_images: int) -> object:
        return classifier.fit([images.training_set(size, n) for n in range(n_images // size)])

    taken = measured(train, doubled(count * size, 2 * trainings * size))
    return ClassifierCost(together=True, once=once, look=look, train=taken)


def _epochs(classifier: Classifier, images: _Images, size: int) -> ClassifierCost:
    once, fitted = _begun(classifier, images)
    sizes = doubled(images.least, 2 * size)
    return ClassifierCost(
        together=False,
        once=once,
        look=measured(_looking(fitted, images), sizes),
        train=measured(lambda n: classifier.fit([images.training_set(n, n)]), sizes),
    )


def measure_generator(prepared: Prepared, options: TrainedOptions) -> GeneratorCost:
    """Measure a generator's training and its pool."""
    import torch

    from augsearch.gan.create import create_gan
    from augsearch.sources.generators.pool import GeneratorPool
    from augsearch.sources.generators.strategies import without_classes
    from augsearch.sources.pools.numbering import BLOCK

    train = prepared.train_of(0)
    if not isinstance(options, AcganOptions):
        train = without_classes(train)
    seed, device = prepared.seed.child("check"), prepared.device
    gan = create_gan(options, train, seed, device)
    rng = seed.torch_generator(device)

    def step(iterations: int) -> None:
        for iteration in range(1, iterations + 1):
            losses = gan.step(iteration, rng)
        losses.tolist()  # waits for the device

    with torch.backends.cudnn.flags(enabled=True, deterministic=True):
        step(1)
        iteration = measured(step, doubled(1), least=1)
    pool = GeneratorPool(gan.players.sampled, gan.players.discriminator, seed, device)

    def draw(images: int) -> None:
        pool.images(0, 0, images)

    draw(BLOCK)
    image = measured(draw, doubled(2 * BLOCK), least=1)
    return GeneratorCost(iteration.slope, image.slope)


def measured(work: Callable[[int], object], sizes: Iterable[int], least: int = 2) -> Line:
    """Do work of rising sizes, at least the first `least`, until one takes `ENOUGH`.

    Returns:
        The line through the two largest sizes; through one and the origin, if there is no other or
        the larger one was not the slower one.
    """
    taken: list[tuple[int, float]] = []
    for size in sizes:
        started = time.perf_counter()
        work(size)
        taken.append((size, time.perf_counter() - started))
        if len(taken) >= least and taken[-1][1] >= ENOUGH:
            break
    size, seconds = taken[-1]
    if len(taken) > 1:
        smaller, before = taken[-2]
        slope = (seconds - before) / (size - smaller)
        if 0 < slope <= seconds / size:
            return Line(seconds - slope * size, slope)
    return Line(0.0, seconds / size)


def doubled(size: int, most: int | None = None) -> list[int]:
    """Return `size`, twice as much and so on, the first two and then as far as `most`."""
    sizes = [size << power for power in range(10)]
    return [one for place, one in enumerate(sizes) if place < 2 or most is None or one <= most]


def _batch(prepared: Prepared, options: FrozenOptions) -> int:
    from augsearch.classifiers.network_inputs import batch_size
    from augsearch.classifiers.torchvision_networks import SMALLEST_INPUT

    side = max(*prepared.images.pixels.shape[1:3], SMALLEST_INPUT)
    return batch_size(options.input_size or side, prepared.device)


class _Images:
    """Training images of the first fold, as many as are asked for, some of each class."""

    def __init__(self, prepared: Prepared) -> None:
        train = prepared.block_of(prepared.split.folds[0].train)
        self._seed = prepared.seed.child("check")
        self._n_classes = len(prepared.images.classes)
        classes = [np.flatnonzero(train.labels == label) for label in np.unique(train.labels)]
        self.least = len(classes)
        places = np.stack([np.resize(own, max(map(len, classes))) for own in classes], axis=1)
        chosen = train.take(places.ravel())
        self._pixels, self._labels = chosen.pixels, chosen.labels
        self._seen = [ImageBlock.of(self._pixels[: max(self.least, _FIRST)])]

    def training_set(self, size: int, number: int) -> TrainingSet:
        """Return a set of images that were seen before, again and again if there are too few."""
        portions: list[Portion] = []
        for block in itertools.cycle(self._seen):
            rows = np.arange(min(size, len(block)), dtype=np.int64)
            portions.append(Portion(block, rows, np.resize(self._labels, len(block))[rows]))
            size -= len(rows)
            if size == 0:
                break
        return TrainingSet(tuple(portions), self._n_classes, self._seed.child(number))

    def unseen(self, size: int) -> ImageBlock:
        """Return images that no one has seen before."""
        shifted = np.resize(self._pixels, (size, *self._pixels.shape[1:]))
        self._seen.append(ImageBlock.of(shifted + np.uint8(len(self._seen))))  # wraps around
        return self._seen[-1]


def _begun(classifier: Classifier, images: _Images) -> tuple[float, FittedClassifier]:
    """Do everything once and return how long it took, and a fitted classifier."""
    started = time.perf_counter()
    fitted = classifier.fit([images.training_set(images.least, 0)])[0]
    return time.perf_counter() - started, fitted


def _looking(fitted: FittedClassifier, images: _Images) -> Callable[[int], object]:
    return lambda size: fitted.predict_proba(images.unseen(size))
