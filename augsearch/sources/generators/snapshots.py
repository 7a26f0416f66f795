"""Generators kept during a training: how varied they are, how good, and which one is taken."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from augsearch.errors import StorageError
from augsearch.evaluation.images.diversity import pairwise_spread
from augsearch.events import PictureMade, Warned
from augsearch.files import read_json, write_json
from augsearch.gan.average import calibrated
from augsearch.gan.discriminator import Discriminator
from augsearch.gan.generator import Generator
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.generators.networks import read_discriminator, read_generator, write_network
from augsearch.sources.generators.pictures import write_grid
from augsearch.sources.generators.pool import GeneratorPool

COLLAPSED = 0.5
"""Synthetic images of a class that spread less than this share of the real ones are warned of."""

_CHECKED = 64


@dataclass(frozen=True)
class Snapshot:
    """What is known about the generator of one iteration.

    Attributes:
        iteration: When it was taken.
        spread: Per class, within-class spread of 64 synthetic images over that of the real
            training images; None where the real images have none.
        score: What the judge said; None if it was not asked or the score was not finite.
    """

    iteration: int
    spread: tuple[float | None, ...]
    score: float | None

    @property
    def collapsed(self) -> bool:
        """Whether the images of a class spread less than half as far as the real ones."""
        return any(ratio is not None and ratio < COLLAPSED for ratio in self.spread)


class Snapshots:
    """The snapshots of one training, in the folder of its context.

    Each is ``snapshots/ITERATION.safetensors`` (the generator), the discriminator beside it, a
    ``.json`` of the same name, written last, and a picture in ``samples``. A snapshot that is whole
    is never made a second time, so a resumed training chooses among the same scores; its warnings
    are sent again, since the process that first sent them may have died before anyone took note.

    Args:
        train: The fold's training images.
        context: Folder, seed, device, judge and listener.
        judged: Ask the judge for a score of every snapshot.
    """

    def __init__(self, train: LabelledImages, context: FitContext, judged: bool) -> None:
        self._train = train
        self._context = context
        self._judge = context.judge if judged else None
        self._folder = context.folder / "snapshots"
        self._choice = context.folder / "choice.json"

    def path(self, iteration: int, network: str = "generator") -> Path:
        """Return where the generator, or the "discriminator", of `iteration` is kept."""
        middle = "" if network == "generator" else f".{network}"
        return self._folder / f"{iteration:06d}{middle}.safetensors"

    def known(self) -> tuple[Snapshot, ...]:
        """Return all snapshots whose record is whole, the earliest first."""
        records = []
        for path in self._folder.glob("*.json"):
            with suppress(StorageError):
                records.append(read_json(path))
        snapshots = [Snapshot(r["iteration"], tuple(r["spread"]), r["score"]) for r in records]
        return tuple(sorted(snapshots, key=lambda snapshot: snapshot.iteration))

    def announce(self) -> None:
        """Send the warnings of all whole snapshots and, once it is made, of the choice."""
        for snapshot in self.known():
            self._warn(snapshot)
        if not self._choice.exists():
            return
        try:
            note = read_json(self._choice)["note"]
        except StorageError:
            self._choice.unlink()  # damaged: the same choice is made again
            return
        if note:
            self._tell(note)

    def is_whole(self, iteration: int) -> bool:
        """Whether the snapshot is there; of one that is damaged the record is removed."""
        record = self.path(iteration).with_suffix(".json")
        try:
            read_json(record)
            read_generator(self.path(iteration))
            read_discriminator(self.path(iteration, "discriminator"))
        except StorageError:
            record.unlink(missing_ok=True)
            return False
        return True

    def take(self, iteration: int, generator: Generator, discriminator: Discriminator) -> None:
        """Keep, picture, check and judge the networks as they are now."""
        if self.is_whole(iteration):
            return
        generator = calibrated(generator, self._context.seed.child("batch norm"))
        pool = GeneratorPool(generator, discriminator, self._context.seed, self._context.device)
        snapshot = Snapshot(iteration, self._look(iteration, pool), self._score(pool))
        write_network(self.path(iteration, "discriminator"), discriminator)
        write_network(self.path(iteration), generator)
        write_json(self.path(iteration).with_suffix(".json"), asdict(snapshot))
        self._warn(snapshot)

    def choose(self, rule: str) -> tuple[Generator, Discriminator]:
        """Return the networks to take, and write ``choice.json`` saying why.

        Args:
            rule: "last", or "best": the highest score among those that have not collapsed (a few
                crude prototypes can train a good head and still add nothing); of equal ones the
                later, which was trained for longer; if there is none, the last.
        """
        snapshots = self.known()
        scored = [one for one in snapshots if one.score is not None and not one.collapsed]
        chosen, note = snapshots[-1], None
        if rule == "best" and scored:
            chosen = max(scored, key=lambda snapshot: (snapshot.score, snapshot.iteration))
        elif rule == "best":
            why = (
                "needs a snapshot that has not collapsed, with a finite score on tuning images, "
                "and there is none"
                if self._judge
                else "scores images by their classes on tuning images, and these cannot be, as "
                "they have no classes or there is no tuning set"
            )
            last = f"the last snapshot (iteration {chosen.iteration}) is taken."
            note = f'snapshot = "best" {why}; {last}'
        generator = read_generator(self.path(chosen.iteration))
        discriminator = read_discriminator(self.path(chosen.iteration, "discriminator"))
        if note and not self._choice.exists():
            self._tell(note)
        listed = [asdict(snapshot) for snapshot in snapshots]
        choice = {"rule": rule, "chosen": chosen.iteration, "note": note, "snapshots": listed}
        write_json(self._choice, choice)
        return generator, discriminator

    def _look(self, iteration: int, pool: Pool) -> tuple[float | None, ...]:
        """Draw the sample grid and return each class's spread over the real one."""
        rows, spread = [], []
        for label in range(len(self._train.classes)):
            real = self._train.pixels[self._train.labels == label]
            synthetic = pool.images(label, 0, _CHECKED)
            rows += [real, synthetic]
            real_spread = pairwise_spread(real) if len(real) > 1 else 0.0
            spread.append(pairwise_spread(synthetic) / real_spread if real_spread else None)
        path = self._context.folder / "samples" / f"{iteration:06d}.png"
        write_grid(path, rows)
        self._context.notify(PictureMade(path))
        return tuple(spread)

    def _score(self, pool: Pool) -> float | None:
        if self._judge is None:
            return None
        score = float(self._judge(synthetic_set(pool, self._train)))
        return score if math.isfinite(score) else None

    def _warn(self, snapshot: Snapshot) -> None:
        poor = [
            f"{name} {ratio:.2f}"
            for name, ratio in zip(self._train.classes, snapshot.spread, strict=True)
            if ratio is not None and ratio < COLLAPSED
        ]
        if poor:
            self._tell(
                f"images of iteration {snapshot.iteration} have collapsed; their spread within "
                f"the class should be at least {COLLAPSED:g} of the real images' but is: "
                + ", ".join(poor)
            )

    def _tell(self, message: str) -> None:
        source = f"source {self._context.name}, fold {self._context.fold}"
        self._context.notify(Warned(f"{source}: {message}"))


def synthetic_set(pool: Pool, train: LabelledImages) -> LabelledImages:
    """Return as many synthetic images of each class as `train` has, each a group of its own."""
    counts = train.class_counts()
    pixels = [pool.images(label, 0, count) for label, count in enumerate(counts)]
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return LabelledImages(
        pixels=np.concatenate(pixels),
        labels=labels,
        groups=np.arange(len(labels), dtype=np.int64),
        names=tuple(
            f"synthetic {train.classes[label]} {index}"
            for label, count in enumerate(counts)
            for index in range(count)
        ),
        classes=train.classes,
    )
