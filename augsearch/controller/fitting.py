"""Sources on their way from the study file to pools: fitted when an arm first needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from augsearch.controller.arms import SearchedArm
from augsearch.controller.auditing import is_audited, source_folder
from augsearch.controller.directory import RunDirectory
from augsearch.controller.preparation import Prepared
from augsearch.data.splits import Fold
from augsearch.errors import AugsearchError
from augsearch.events import Notify
from augsearch.execution.experts import RealExpert, judge
from augsearch.execution.folds import FoldImages
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.quarantine import quarantined
from augsearch.sources.store import PoolStore


def empty_folds(prepared: Prepared) -> list[FoldImages]:
    """Return the real images of every fold, without any source."""
    return [
        FoldImages(
            number=number,
            train=prepared.block_of(fold.train),
            tune=prepared.block_of(fold.tune),
            n_classes=len(prepared.images.classes),
            seed=prepared.seed,
        )
        for number, fold in enumerate(prepared.split.folds)
    ]


def fit_sources(
    names: Sequence[str],
    prepared: Prepared,
    directory: RunDirectory,
    folds: Sequence[FoldImages],
    searched: Mapping[str, SearchedArm],
    notify: Notify,
    generator: int = 0,
) -> None:
    """Fit each source on every fold and add its pool; what is fitted already is read back.

    Args:
        names: Which sources.
        prepared: The study's images and tools.
        directory: Where fitted sources are kept.
        folds: Their `pools` are added to.
        searched: Arms with their chosen amounts, for sources that are trained on one.
        notify: Takes progress, warnings, losses and pictures.
        generator: 0: as the search needs it; else the number of a further training, with seeds and
            a folder of its own.
    """
    for name in names:
        for fold, split in zip(folds, prepared.split.folds, strict=True):
            context = _context(name, prepared, directory, fold, notify, generator)
            train = _training_images(name, prepared, fold, split, searched)
            pool = prepared.sources[name].fit(train, context)
            if prepared.study.audit.quarantine and is_audited(prepared.study, name):
                pool = quarantined(pool, prepared.images.take(split.train), context)
            fold.pools[name] = PoolStore(pool, context.folder / "pool")


def _context(
    name: str,
    prepared: Prepared,
    directory: RunDirectory,
    fold: FoldImages,
    notify: Notify,
    generator: int,
) -> FitContext:
    def seed(*path: int | str) -> Seed:
        own = prepared.seed.child(*path, fold.number)
        return own.child("generator", generator) if generator else own

    return FitContext(
        name=f"{name}, generator {generator + 1}" if generator else name,
        fold=fold.number,
        seed=seed("source", name),
        folder=source_folder(directory, name, fold.number, generator),
        device=prepared.device,
        notify=notify,
        judge=partial(
            judge,
            tune=fold.tune,
            classifier=prepared.judging,
            metric=prepared.metric,
            seed=seed("judge"),
        ),
        expert=RealExpert(prepared.judging, fold.train, fold.n_classes, seed("expert")),
    )


def _training_images(
    source: str,
    prepared: Prepared,
    fold: FoldImages,
    split: Fold,
    searched: Mapping[str, SearchedArm],
) -> LabelledImages:
    """Return the fold's real training images, or the chosen training set of an arm."""
    name = prepared.study.sources[source].train_on
    if name is None:
        return prepared.images.take(split.train)
    arm = searched[name]
    if arm.multiple is None:
        raise AugsearchError(
            f"sources.{source}.train_on: arm {name!r} has no finite score, so no training set was "
            "chosen; train on another arm."
        )
    recipe = arm.score.recipe(arm.multiple, fold)
    return fold.training_set(recipe, 0, prepared.seed).images(prepared.images.classes)
