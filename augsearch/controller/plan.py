"""The work ahead of a study, and about how long it takes here, from a short measurement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from augsearch.classifiers.base import Classifier
from augsearch.controller.preparation import Prepared, classifier_name, classifier_options
from augsearch.events import Advanced, Event
from augsearch.execution.recipes import Recipe, arm_recipe, fixed_amount
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.search.study_rules import rule_of
from augsearch.sources.base import FitContext
from augsearch.sources.registry import create_source
from augsearch.study.order import search_order
from augsearch.study.schema.arms import WindowSearch
from augsearch.study.schema.classifier import DiscriminatorOptions, EndToEndOptions
from augsearch.study.schema.generators import TRAINED, AcganOptions, GanOptions, TrainedOptions
from augsearch.study.schema.study import StudyFile
from augsearch.study.schema.tune import Range, TuneOptions

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


@dataclass
class _Load:
    """What the arms of one classifier ask of it; `added` counts images that it has to look at."""

    trainings: int = 0
    images: int = 0
    added: dict[tuple[int, str, bool], int] = field(default_factory=dict)

    def note(
        self, fold: int, recipe: Recipe, replicates: int, *, times: int = 1, final: bool = False
    ) -> None:
        """Count the trainings of a recipe; `times` settings see the same images of sources."""
        self.trainings += times * replicates
        self.images += times * replicates * len(recipe)
        for source in dict.fromkeys(one.source for one in recipe.ingredients):
            key = (fold, source, final)
            count = replicates * sum(recipe.taken(source))
            self.added[key] = max(self.added.get(key, 0), count)


def plan_work(
    prepared: Prepared, counts: Sequence[tuple[int, ...]], folder: Path
) -> list[PlannedWork]:
    """Estimate every stage, if every search stops as early as it can.

    Args:
        prepared: The study's images and tools.
        counts: Per fold the real training images of each class.
        folder: For the probes; nothing in it is needed afterwards.
    """
    chosen = {name: _chosen(prepared.study, name) for name in prepared.study.arms}
    plan = [
        _source_plan(
            prepared, name, options, _trained_on(prepared, options, counts, chosen), folder
        )
        for name, options in prepared.study.sources.items()
        if name in prepared.sources and isinstance(options, TRAINED)
    ]
    for name, load in _loads(prepared, counts, chosen).items():
        plan += _classifier_plan(prepared, name, load, folder)
    return plan


def _loads(
    prepared: Prepared, counts: Sequence[tuple[int, ...]], chosen: Mapping[str, float]
) -> dict[str, _Load]:
    """Return what every classifier will be asked: trainings, their images, added images."""
    study = prepared.study
    loads: dict[str, _Load] = {}
    for name in search_order(study):
        load = loads.setdefault(classifier_name(study, name), _Load())
        amounts = _certain(study, name)
        for fold, real in enumerate(counts):
            recipes = [_recipe(prepared, name, amount, real, chosen) for amount in amounts]
            for recipe in recipes:
                load.note(fold, recipe, study.evaluation.replicates)
            load.note(fold, recipes[-1], study.evaluation.test_replicates, final=True)
            if study.tune is not None:
                load.note(fold, recipes[0], study.tune.replicates, times=_settings(study.tune))
    return loads


def _recipe(
    prepared: Prepared,
    name: str,
    amount: float,
    real: tuple[int, ...],
    chosen: Mapping[str, float],
) -> Recipe:
    # How many images a folder has or a selection keeps is known once it has been read.
    guessed = dict.fromkeys(prepared.study.sources, real)
    return arm_recipe(prepared.study.arms, name, amount, real, chosen, guessed)


def _certain(study: StudyFile, name: str) -> list[float]:
    """Return the amounts of an arm if its search stops as early as it can."""
    search = study.arms[name].search
    if search is None:
        return [fixed_amount(study.arms[name])]
    if not isinstance(search, WindowSearch):
        return list(rule_of(search, "maximize").propose([]))
    multiples = [search.start + search.step * index for index in range(search.window + 1)]
    limit = search.max_multiple
    return [k for k in multiples if limit is None or k <= limit]


def _chosen(study: StudyFile, name: str) -> float:
    """Return the amount that other arms will start from: the first of a window, the last of a list.

    A window that stops as early as it can chose its first amount; of a list nothing is known, and
    the last amount is the most work.
    """
    return _certain(study, name)[0 if isinstance(study.arms[name].search, WindowSearch) else -1]


def _settings(tune: TuneOptions) -> int:
    if tune.method == "tpe":
        return tune.trials
    lists = [values for values in tune.parameters.values() if not isinstance(values, Range)]
    return int(np.prod([len(values) for values in lists]))


def _classifier_plan(prepared: Prepared, name: str, load: _Load, folder: Path) -> list[PlannedWork]:
    classifier, options = prepared.classifiers[name], classifier_options(prepared.study, name)
    if isinstance(options, DiscriminatorOptions):
        return [_discriminator_plan(prepared, name, options, load, folder)]
    real = len(prepared.images) + (len(prepared.external.labels) if prepared.external else 0)
    looked_at = real + sum(load.added.values())
    if classifier.fits_together:
        per_image, per_training_image = _measure(prepared, classifier)
        return [
            PlannedWork(f"{name}: features", looked_at, "images", looked_at * per_image),
            PlannedWork(
                f"{name}: heads", load.trainings, "trainings", load.images * per_training_image
            ),
        ]
    epochs = 1
    if isinstance(options, EndToEndOptions):  # one epoch tells how long the others take
        epochs = options.epochs
        short = options.model_copy(update={"epochs": 1, "patience": None})
        classifier = prepared.make_classifier(short)
    _, per_training_image = _measure(prepared, classifier)
    seconds = load.images * epochs * per_training_image
    return [PlannedWork(name, load.trainings, "trainings", seconds)]


def _measure(prepared: Prepared, classifier: Classifier) -> tuple[float, float]:
    """Return seconds per image to look at it, and seconds per training image to learn from it."""
    train = prepared.block_of(prepared.split.folds[0].train)
    each = -(-PROBE_IMAGES // len(prepared.images.classes))
    classes = [np.flatnonzero(train.labels == label) for label in np.unique(train.labels)]
    rows = np.concatenate([own[:each] for own in classes])
    block = ImageBlock.of(train.block.pixels[train.rows[rows]])
    portion = Portion(block, np.arange(len(rows), dtype=np.int64), train.labels[rows])
    some = TrainingSet((portion,), len(classes), prepared.seed.child("check"))
    classifier.fit([some])  # imports, builds the network, keeps features: all that is done once
    started = time.perf_counter()
    fitted = classifier.fit([some])[0]
    per_training_image = (time.perf_counter() - started) / len(rows)
    mirrored = ImageBlock.of(np.flip(block.pixels, axis=2))  # has no features yet
    started = time.perf_counter()
    fitted.predict_proba(mirrored)
    return (time.perf_counter() - started) / len(rows), per_training_image


def _trained_on(
    prepared: Prepared,
    options: GanOptions,
    counts: Sequence[tuple[int, ...]],
    chosen: Mapping[str, float],
) -> list[tuple[int, ...]]:
    """Return, for every fold, how many images of each class a generator is trained on."""
    arm = options.train_on
    if arm is None:
        return list(counts)
    return [_recipe(prepared, arm, chosen[arm], real, chosen).class_counts for real in counts]


def _source_plan(
    prepared: Prepared,
    name: str,
    options: TrainedOptions,
    counts: Sequence[tuple[int, ...]],
    folder: Path,
) -> PlannedWork:
    iterations = sum(map(options.total_length, counts))
    seconds = iterations * _seconds_per_iteration(prepared, options, folder / f"source-{name}")
    return PlannedWork(f"source {name}", iterations, "iterations", seconds)


def _discriminator_plan(
    prepared: Prepared, name: str, options: DiscriminatorOptions, load: _Load, folder: Path
) -> PlannedWork:
    acgan = AcganOptions.model_validate(prepared.study.sources[options.source])
    iterations = load.trainings * acgan.length(-(-load.images // load.trainings))
    seconds = iterations * _seconds_per_iteration(prepared, acgan, folder / f"classifier-{name}")
    return PlannedWork(name, load.trainings, "trainings", seconds)


def _seconds_per_iteration(prepared: Prepared, options: TrainedOptions, folder: Path) -> float:
    plain = {"epochs": None, "strategy": "joint", "select": None, "snapshot": "last"}
    probe = options.model_copy(update=plain | {"iterations": PROBE_ITERATIONS})
    ticks: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Advanced) and event.unit == "iterations":
            ticks.append(time.perf_counter())

    context = FitContext("probe", 0, prepared.seed.child("check"), folder, prepared.device, listen)
    create_source(probe).fit(prepared.train_of(prepared.split.folds[0]), context)
    # Between the first tick and the last there are iterations only: the rest is done once.
    return (ticks[-1] - ticks[0]) / PROBE_ITERATIONS
