"""Sources on their way from the study file to pools: fitted when an arm first needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.auditing import is_audited
from augsearch.controller.stages.preparation import Prepared
from augsearch.errors import AugsearchError
from augsearch.events import Notify
from augsearch.execution.engines.fitting import Fitting
from augsearch.execution.experts import RealExpert, judge
from augsearch.execution.folds import FoldImages
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.pools.store import PoolStore


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
    generations: Mapping[int, Sequence[FoldImages]],
    searched: Mapping[str, SearchedArm],
    notify: Notify,
) -> None:
    """Fit each source on every fold and add its pool; what is fitted already is read back.

    Args:
        names: Which sources, each after those that it is trained on.
        prepared: The study's images and tools.
        directory: Where fitted sources are kept.
        generations: The folds, whose `pools` are added to, by the number of the training: 0 is that
            which the search needs; every other one has seeds and folders of its own.
        searched: Arms with their chosen amounts, for sources that are trained on one.
        notify: Takes progress, warnings, losses and pictures.
    """
    for together in _independent(names, prepared):
        places = [
            (name, generator, fold)
            for name in together
            for generator, folds in generations.items()
            for fold in folds
        ]
        fittings = (
            Fitting(
                source=prepared.sources[name],
                train=_training_images(name, prepared, fold, searched),
                context=_context(name, prepared, directory, fold, generator),
                originals=_originals(name, prepared, fold),
            )
            for name, generator, fold in places
        )
        pools = prepared.engine.pools(fittings, notify)
        for (name, generator, fold), pool in zip(places, pools, strict=True):
            folder = directory.source_folder(name, fold.number, generator)
            fold.pools[name] = PoolStore(pool, folder / "pool")


def _independent(names: Sequence[str], prepared: Prepared) -> Iterator[Sequence[str]]:
    """Yield sources that do not wait for each other: those of real images, the others alone."""
    sources = prepared.study.sources
    yield [name for name in names if sources[name].train_on is None]
    yield from ([name] for name in names if sources[name].train_on is not None)


def _originals(name: str, prepared: Prepared, fold: FoldImages) -> LabelledImages | None:
    wanted = prepared.study.audit.quarantine and is_audited(prepared.study, name)
    return prepared.train_of(fold.number) if wanted else None


def _context(
    name: str, prepared: Prepared, directory: RunDirectory, fold: FoldImages, generator: int
) -> FitContext:
    def seed(*path: int | str) -> Seed:
        own = prepared.seed.child(*path, fold.number)
        return own.child("generator", generator) if generator else own

    return FitContext(
        name=f"{name}, generator {generator + 1}" if generator else name,
        fold=fold.number,
        seed=seed("source", name),
        folder=directory.source_folder(name, fold.number, generator),
        device=prepared.device,
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
    searched: Mapping[str, SearchedArm],
) -> LabelledImages:
    """Return the fold's real training images, or the chosen training set of an arm."""
    name = prepared.study.sources[source].train_on
    if name is None:
        return prepared.train_of(fold.number)
    arm = searched[name]
    if arm.multiple is None:
        raise AugsearchError(
            f"sources.{source}.train_on: arm {name!r} has no finite score, so no training set was "
            "chosen; train on another arm."
        )
    recipe = arm.score.recipe(arm.multiple, fold)
    return fold.training_set(recipe, 0, prepared.seed).images(prepared.images.classes)
