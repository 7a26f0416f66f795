"""The ACGAN source: a class-conditional GAN trained on one fold's training images."""

from __future__ import annotations

from typing import final

from augsearch.errors import SourceError
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.gan.acgan_step import AcganStep
from augsearch.sources.gan.pool import GeneratorPool, read_generator, write_generator
from augsearch.sources.gan.snapshots import Snapshots
from augsearch.sources.gan.training import Schedule, Training
from augsearch.study.schema.sources import AcganOptions


@final
class Acgan(Source):
    """A GAN with an auxiliary classifier (Odena et al. 2017), in the settings of `options`.

    The folder of the fit holds ``checkpoint.safetensors`` (to go on from), ``snapshots`` and
    ``samples``, ``choice.json`` and, once all is done, ``generator.safetensors``.
    """

    def __init__(self, options: AcganOptions) -> None:
        self._options = options

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Train, or go on training, and return the pool of the chosen snapshot.

        Raises:
            DivergedError: A loss or weight is no longer finite, or a loss has exploded.
            SourceError: The images' size does not suit the generator's layers.
            StorageError: A file in the folder is damaged, or nothing can be written.
        """
        path = context.folder / "generator.safetensors"
        snapshots = Snapshots(train, context, judged=self._options.snapshot == "best")
        snapshots.announce()
        if not path.exists():
            self._train(train, context, snapshots)
            write_generator(path, snapshots.choose(self._options.snapshot))
        return GeneratorPool(read_generator(path), context.seed, context.device)

    def _train(self, train: LabelledImages, context: FitContext, snapshots: Snapshots) -> None:
        options = self._options
        _check_square(train)
        gan = AcganStep(options, train, context.seed, context.device)
        schedule = Schedule(options.iterations, options.snapshot_every, options.checkpoint_every)
        training = Training(gan, schedule, context)
        training.run(lambda iteration: snapshots.take(iteration, gan.sampled))


def _check_square(train: LabelledImages) -> None:
    height, width = train.pixels.shape[1:3]
    if height != width:
        raise SourceError(
            f"images must be square for an acgan but are {height} x {width} pixels; "
            "set images.size to have them resized."
        )
