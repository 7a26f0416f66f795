"""Which generators are trained on which images: methods I to IV of Röglin et al. 2022."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from augsearch.errors import SourceError
from augsearch.events import Advanced, Event, Notify
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.generators.fitting import Fitting
from augsearch.sources.generators.pool import ClassPools
from augsearch.sources.pools.kinds import UnlabelledPool
from augsearch.study.schema.generators import AcganOptions, TrainedOptions


def fit_generators(options: TrainedOptions, train: LabelledImages, context: FitContext) -> Pool:
    """Train as `options.strategy` says, or go on training, and return the pool.

    A joint training works in the context's folder itself; one for a class in ``class0``,
    ``class1`` ... below it, each to be resumed on its own.

    Raises:
        DivergedError: A loss or weight is no longer finite, or a loss has exploded.
        SourceError: The images' size does not suit the generator's layers, or a class is empty.
        StorageError: A file in the folder is damaged, or nothing can be written.
    """
    if options.strategy in ("per-class", "transfer"):
        return _class_by_class(options, train, context)
    if options.strategy == "balanced":
        train = cut_to_smallest(train, context.seed.child("balanced"))
    if isinstance(options, AcganOptions):
        return Fitting(options, train, context).pool()
    without = replace(context, judge=None)  # it could not be told the classes
    return UnlabelledPool(Fitting(options, without_classes(train), without).pool())


def fit_class(
    options: TrainedOptions, train: LabelledImages, context: FitContext, label: int
) -> Pool:
    """Train the generator of one class alone, as "per-class" does with all; see there."""
    return _fittings(options, train, context)[label].pool()


def cut_to_smallest(train: LabelledImages, seed: Seed) -> LabelledImages:
    """Return as many images of each class as the smallest one has, drawn without replacement.

    Raises:
        SourceError: A class has no image.
    """
    counts = train.class_counts()
    smallest = min(counts)
    if smallest == 0:
        raise SourceError(
            'strategy "balanced" needs at least 1 training image of each class but '
            f"{train.classes[counts.index(0)]!r} has 0; leave the class out or choose another "
            "strategy."
        )
    rows = [
        seed.child(label).generator().choice(np.flatnonzero(train.labels == label), smallest, False)
        for label in range(len(counts))
    ]
    return train.take(np.sort(np.concatenate(rows)))


def without_classes(train: LabelledImages) -> LabelledImages:
    """Return the same images as those of one class."""
    return replace(train, labels=np.zeros_like(train.labels), classes=("all images",))


def of_class(train: LabelledImages, label: int) -> LabelledImages:
    """Return the images of one class, as the only class."""
    own = train.take(np.flatnonzero(train.labels == label))
    return replace(own, labels=np.zeros_like(own.labels), classes=(train.classes[label],))


def _class_by_class(options: TrainedOptions, train: LabelledImages, context: FitContext) -> Pool:
    fittings = _fittings(options, train, context)
    largest, *others = fittings.values()  # the others start from the largest, with "transfer"
    transfer = options.strategy == "transfer"
    needed = transfer and not all(other.finished for other in others)
    pools = [largest.pool(anew=needed and not largest.checkpoint.exists())]
    start = largest.checkpoint if transfer else None
    pools += [other.pool(start) for other in others]
    found = dict(zip(fittings, pools, strict=True))
    return ClassPools([found.get(label) for label in range(len(train.classes))], train.classes)


def _fittings(
    options: TrainedOptions, train: LabelledImages, context: FitContext
) -> dict[int, Fitting]:
    """Return one for each class that has images, the largest first (of equal ones the first)."""
    counts = train.class_counts()
    order = sorted((label for label, count in enumerate(counts) if count), key=lambda c: -counts[c])
    done, total = 0, options.total_length(counts)
    fittings = {}
    for label in order:
        own = replace(
            context,
            name=f"{context.name}, class {train.classes[label]}",
            seed=context.seed.child("class", label),
            folder=context.folder / f"class{label}",
            notify=partial(_onwards, context.notify, done, total),
            judge=context.judge and partial(_among_real, context.judge, train, label),
        )
        fittings[label] = Fitting(options, of_class(train, label), own)
        done += options.length(counts[label])
    return fittings


def _onwards(notify: Notify, done: int, total: int, event: Event) -> None:
    """Count the iterations of one training among those of all."""
    if isinstance(event, Advanced):
        event = Advanced(done + event.done, total, event.unit)
    notify(event)


def _among_real(
    judge: Callable[[LabelledImages], float],
    train: LabelledImages,
    label: int,
    synthetic: LabelledImages,
) -> float:
    """Judge the images of one class in place of its real ones, beside the others' real images."""
    others = train.take(np.flatnonzero(train.labels != label))
    return judge(
        LabelledImages(
            pixels=np.concatenate([others.pixels, synthetic.pixels]),
            labels=np.append(others.labels, np.full(len(synthetic), label, dtype=np.int64)),
            groups=np.arange(len(others) + len(synthetic), dtype=np.int64),
            names=others.names + synthetic.names,
            classes=train.classes,
        )
    )
