"""`augsearch check`: is the study usable, what would it compute, and about how long?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augsearch.controller.preparation import Prepared, prepare
from augsearch.data.splits import summary
from augsearch.events import Advanced, Event, Notify, Warned
from augsearch.execution.recipes import Recipe, arm_recipe, fixed_multiple, in_order
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.sources.base import FitContext
from augsearch.sources.registry import create_source
from augsearch.study.schema.sources import TRAINED, AcganOptions
from augsearch.study.schema.study import StudyFile

PROBE_ITERATIONS = 6
PROBE_IMAGES = 64


@dataclass(frozen=True)
class PlannedWork:
    """One kind of work: how much of it, and about how long here.

    Attributes:
        what: In words.
        amount: Number of `unit`.
        unit: "iterations", "images", "trainings".
        seconds: Estimate from a short measurement on this machine.
    """

    what: str
    amount: int
    unit: str
    seconds: float


@dataclass(frozen=True)
class CheckReport:
    """What a study would work on.

    Attributes:
        parts: Rows (part, class, images, groups).
        smallest_class: (class, images) of the smallest class of the training sets.
        skipped: Unreadable images that are left out, with the reason.
        warnings: What the user should know.
        plan: The work ahead, if every search stops as early as it can.
    """

    parts: Sequence[tuple[str, str, int, int]]
    smallest_class: tuple[str, int]
    skipped: Sequence[str]
    warnings: Sequence[str]
    plan: Sequence[PlannedWork]


def check_study(study: StudyFile, notify: Notify) -> CheckReport:
    """Read everything, train nothing but a few steps to measure their time; keep nothing.

    Raises:
        AugsearchError: Anything in study or data that has to be put right.
    """
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)
        notify(event)

    with tempfile.TemporaryDirectory(prefix="augsearch-check-") as name:
        prepared = prepare(study, Path(name), listen)
        counts = [prepared.train_of(fold).class_counts() for fold in prepared.split.folds]
        smallest = np.min(counts, axis=0)
        label = int(np.argmin(smallest))
        return CheckReport(
            parts=summary(prepared.dataset, prepared.split),
            smallest_class=(prepared.images.classes[label], int(smallest[label])),
            skipped=prepared.dataset.skipped,
            warnings=warnings,
            plan=_plan(prepared, counts, Path(name)),
        )


def _plan(prepared: Prepared, counts: Sequence[tuple[int, ...]], folder: Path) -> list[PlannedWork]:
    trainings, training_images, added = _cells(prepared, counts)
    real = len(prepared.images) + (len(prepared.external.labels) if prepared.external else 0)
    per_image, per_training_image = _measure_classifier(prepared)
    plan = [
        _source_plan(prepared, name, options, folder)
        for name, options in prepared.study.sources.items()
        if name in prepared.sources and isinstance(options, TRAINED)
    ]
    return [
        *plan,
        PlannedWork("features", real + added, "images", (real + added) * per_image),
        PlannedWork("heads", trainings, "trainings", training_images * per_training_image),
    ]


def _cells(prepared: Prepared, counts: Sequence[tuple[int, ...]]) -> tuple[int, int, int]:
    """Return trainings, images they train on in all, and synthetic images they need."""
    study = prepared.study
    chosen: dict[str, float] = {}
    trainings = images = 0
    needed: dict[tuple[int, str, bool], int] = {}
    for name in in_order(study.arms):
        multiples = _certain(study, name)
        chosen[name] = multiples[0]
        for fold, real in enumerate(counts):
            recipes = [arm_recipe(study.arms, name, k, real, chosen) for k in multiples]
            for recipe, final in [*((one, False) for one in recipes), (recipes[-1], True)]:
                runs = study.evaluation.test_replicates if final else study.evaluation.replicates
                trainings += runs
                images += runs * len(recipe)
                for source, count in _reach(recipe).items():
                    key = (fold, source, final)
                    needed[key] = max(needed.get(key, 0), runs * count)
    return trainings, images, sum(needed.values())


def _certain(study: StudyFile, name: str) -> list[float]:
    search = study.arms[name].search
    if search is None:
        return [fixed_multiple(study.arms[name])]
    multiples = [search.start + search.step * index for index in range(search.window + 1)]
    limit = search.max_multiple
    return [k for k in multiples if limit is None or k <= limit]


def _reach(recipe: Recipe) -> dict[str, int]:
    reach: dict[str, int] = {}
    for one in recipe.ingredients:
        reach[one.source] = reach.get(one.source, 0) + sum(one.counts)
    return reach


def _measure_classifier(prepared: Prepared) -> tuple[float, float]:
    """Return seconds per image for features, and seconds per training image for a head."""
    train = prepared.block_of(prepared.split.folds[0].train)
    each = -(-PROBE_IMAGES // len(prepared.images.classes))
    classes = [np.flatnonzero(train.labels == label) for label in np.unique(train.labels)]
    rows = np.concatenate([own[:each] for own in classes])
    block = ImageBlock.of(train.block.pixels[train.rows[rows]])
    portion = Portion(block, np.arange(len(rows), dtype=np.int64), train.labels[rows])
    some = TrainingSet((portion,), len(classes), prepared.seed.child("check"))
    prepared.classifier.fit([some])  # builds the network, and keeps the features
    started = time.perf_counter()
    fitted = prepared.classifier.fit([some])[0]
    per_training_image = (time.perf_counter() - started) / len(rows)
    mirrored = ImageBlock.of(np.flip(block.pixels, axis=2))  # has no features yet
    started = time.perf_counter()
    fitted.predict_proba(mirrored)
    return (time.perf_counter() - started) / len(rows), per_training_image


def _source_plan(prepared: Prepared, name: str, options: AcganOptions, folder: Path) -> PlannedWork:
    probe = options.model_copy(update={"iterations": PROBE_ITERATIONS, "snapshot": "last"})
    ticks: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Advanced) and event.unit == "iterations":
            ticks.append(time.perf_counter())

    seed, place = prepared.seed.child("check"), folder / f"source-{name}"
    context = FitContext(name, 0, seed, place, prepared.device, listen)
    create_source(probe).fit(prepared.train_of(prepared.split.folds[0]), context)
    # Between the first tick and the last there are iterations only: the rest is done once.
    each = (ticks[-1] - ticks[0]) / PROBE_ITERATIONS
    iterations = options.iterations * len(prepared.split.folds)
    return PlannedWork(f"source {name}", iterations, "iterations", iterations * each)
