"""The source of a trained generator: ACGAN, DCGAN or WGAN, whatever its options say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.study.schema.generators import TrainedOptions


@final
class GeneratorSource(Source):
    """GANs trained on one fold's training images, in the settings of `options`.

    An ACGAN (Odena et al. 2017) knows classes. A DCGAN (Radford et al. 2016) or a WGAN (Arjovsky et
    al. 2017) does not: trained jointly, its pool is an `UnlabelledPool`. The folder of the fit
    holds what `Fitting` says, or, trained class by class, one folder for each class that does.
    """

    def __init__(self, options: TrainedOptions) -> None:
        self._options = options

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Train, or go on training, and return the pool of the chosen snapshots.

        Raises:
            DivergedError: A loss or weight is no longer finite, or a loss has exploded.
            SourceError: The images' size does not suit the generator's layers, or a class that is
                needed has no image.
            StorageError: A file in the folder is damaged, or nothing can be written.
        """
        from augsearch.sources.generators.strategies import fit_generators  # loads torch

        return fit_generators(self._options, train, context)

    def parts(self, train: LabelledImages) -> Sequence[Source]:
        """Return one source for each class that has a generator of its own, from the start."""
        if self._options.strategy != "per-class":
            return ()
        counts = train.class_counts()
        return [ClassGenerator(self._options, label) for label, count in enumerate(counts) if count]


@final
class ClassGenerator(Source):
    """The generator of one class of a source that has one for each.

    Args:
        options: Of the source.
        label: The class.
    """

    def __init__(self, options: TrainedOptions, label: int) -> None:
        self._options = options
        self._label = label

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Train it, or go on training, and return its images as those of label 0."""
        from augsearch.sources.generators.strategies import fit_class  # loads torch

        return fit_class(self._options, train, context, self._label)
