"""The source of a trained generator: ACGAN, DCGAN or WGAN, whatever its options say."""

from __future__ import annotations

from typing import final

from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.generators.strategies import fit_generators
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
        return fit_generators(self._options, train, context)
