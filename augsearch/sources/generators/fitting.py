"""One generator, trained on given images in a folder of its own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import final

from augsearch.errors import SourceError, StorageError
from augsearch.gan.create import create_gan
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext
from augsearch.sources.generators.checkpoint import read_tensors
from augsearch.sources.generators.networks import read_discriminator, read_generator, write_network
from augsearch.sources.generators.pool import GeneratorPool
from augsearch.sources.generators.snapshots import Snapshots
from augsearch.sources.generators.training import Schedule, Training
from augsearch.study.schema.generators import TrainedOptions


@final
class Fitting:
    """The training of one generator, to be begun, gone on with, or found finished.

    Its folder holds ``checkpoint.safetensors`` (to go on from), ``snapshots`` and ``samples``,
    ``choice.json`` and, once all is done, ``discriminator.safetensors`` and
    ``generator.safetensors``. What is damaged is made again: the same training gives the same.

    Args:
        options: The study's settings.
        train: The images to learn from; each class is made if the GAN knows classes.
        context: Folder, seed, device, judge and listener.
    """

    def __init__(self, options: TrainedOptions, train: LabelledImages, context: FitContext) -> None:
        self._options = options
        self._train = train
        self._context = context
        self._generator = context.folder / "generator.safetensors"
        self._discriminator = context.folder / "discriminator.safetensors"
        self._choice = context.folder / "choice.json"

    @property
    def checkpoint(self) -> Path:
        """The last state of the training, for others to start from."""
        return self._context.folder / "checkpoint.safetensors"

    @property
    def finished(self) -> bool:
        """Whether the networks to use are there."""
        return all(path.exists() for path in (self._generator, self._discriminator, self._choice))

    def pool(self, start: Path | None = None, anew: bool = False) -> GeneratorPool:
        """Train, or go on training, or do nothing, and return the pool of the chosen snapshot.

        Args:
            start: A checkpoint of the same networks to take the first weights from.
            anew: Go through the training again though it is finished; what is there is kept.

        Raises:
            DivergedError: A loss or weight is no longer finite, or a loss has exploded.
            SourceError: The images' size does not suit the generator's layers.
            StorageError: Nothing can be written, or a file is of another version.
        """
        judged = self._options.snapshot == "best"
        snapshots = Snapshots(self._train, self._context, judged)
        snapshots.announce()
        if self.finished and not anew:
            with suppress(StorageError):  # damaged
                return self._pool()
        self._run(snapshots, start)
        generator, discriminator = snapshots.choose(self._options.snapshot)
        write_network(self._discriminator, discriminator)
        write_network(self._generator, generator)
        return self._pool()

    def _pool(self) -> GeneratorPool:
        return GeneratorPool(
            read_generator(self._generator),
            read_discriminator(self._discriminator),
            self._context.seed,
            self._context.device,
        )

    def _run(self, snapshots: Snapshots, start: Path | None) -> None:
        options, context = self._options, self._context
        _check_square(self._train, options.kind)
        schedule = Schedule(
            options.length(len(self._train)), options.snapshot_every, options.checkpoint_every
        )
        if not self._is_whole(schedule, snapshots):
            self.checkpoint.unlink(missing_ok=True)
        if self.checkpoint.exists():
            options = options.model_copy(update=_begun_in(self.checkpoint))
        gan = create_gan(options, self._train, context.seed, context.device)
        players = gan.players
        Training(gan, schedule, context, start).run(
            lambda iteration: snapshots.take(iteration, players.sampled, players.discriminator)
        )

    def _is_whole(self, schedule: Schedule, snapshots: Snapshots) -> bool:
        """Whether the checkpoint can be gone on from: with all snapshots that came before it."""
        try:
            reached = int(read_tensors(self.checkpoint)[1]["iteration"])
        except StorageError:
            return False
        whole = [snapshots.is_whole(iteration) for iteration in schedule.snapshots(reached)]
        return all(whole)


def _begun_in(checkpoint: Path) -> dict[str, str]:
    """Return the precision to go on in: another one would end with other weights."""
    return {"precision": read_tensors(checkpoint)[1].get("precision", "float32")}


def _check_square(train: LabelledImages, kind: str) -> None:
    height, width = train.pixels.shape[1:3]
    if height != width:
        raise SourceError(
            f"images must be square for kind {kind} but are {height} x {width} pixels; "
            "set images.size to have them resized."
        )
