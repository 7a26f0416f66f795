"""About how long the stages of a study take here: counted work times what a probe of it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from augsearch.controller.preparation import Prepared, classifier_options
from augsearch.controller.probes import (
    ClassifierCost,
    GeneratorCost,
    measure_epochs,
    measure_generator,
    measure_heads,
    one_epoch,
)
from augsearch.controller.workload import Load, Share, Workload, workload
from augsearch.study.schema.classifier import (
    DiscriminatorOptions,
    EndToEndOptions,
    FrozenOptions,
)
from augsearch.study.schema.generators import TRAINED, AcganOptions

STAGES = ("data", "sources", "audit", "search", "real shares", "controls", "generators", "test")
"""In the order of a run."""

_BATCH = 64
"""Images that a classifier looks at together if nothing is known about it."""


@dataclass(frozen=True)
class PlannedWork:
    """One kind of work in one stage: how much of it, and about how long here.

    Attributes:
        stage: One of `STAGES`.
        what: In words.
        amount: Number of `unit`.
        unit: "iterations", "images", "trainings".
        seconds: Estimate from a short measurement on this machine.
    """

    stage: str
    what: str
    amount: int
    unit: str
    seconds: float


def plan_work(prepared: Prepared, counts: Sequence[tuple[int, ...]]) -> list[PlannedWork]:
    """Estimate every stage but the report, if every window stops as early as it can.

    Left out is what takes a few seconds whatever the study: the audit's distances, the verdict, the
    report.

    Args:
        prepared: The study's images and tools.
        counts: Per fold the real training images of each class.
    """
    work = workload(prepared.study, counts)
    generators = {
        name: measure_generator(prepared, options)
        for name, options in prepared.study.sources.items()
        if name in work.iterations and isinstance(options, TRAINED)
    }
    plan = [
        PlannedWork(stage, f"source {name}", amount, "iterations", amount * cost.iteration)
        for name, cost in generators.items()
        for stage, amount in _trained(prepared, work.iterations[name]).items()
        if amount
    ]
    plan += _drawing(work, generators)
    for name, load in work.loads.items():
        plan += _classifier_plan(prepared, name, load, generators)
    return sorted(plan, key=lambda one: STAGES.index(one.stage))


def _trained(prepared: Prepared, iterations: int) -> dict[str, int]:
    """Return the iterations of a generator before the search, and of its further trainings."""
    first = iterations // prepared.study.evaluation.generator_replicates
    return {"sources": first, "generators": iterations - first}


def _drawing(work: Workload, generators: Mapping[str, GeneratorCost]) -> Iterator[PlannedWork]:
    """Plan the images that are made; several classifiers that look at them share them."""
    most: dict[tuple[str, str], int] = {}
    for load in work.loads.values():
        for stage, share in load.stages.items():
            for source, count in share.added.items():
                most[stage, source] = max(most.get((stage, source), 0), count)
    for (stage, source), count in most.items():
        if source in generators and count:
            seconds = count * generators[source].image
            yield PlannedWork(stage, f"images of {source}", count, "images", seconds)


def _classifier_plan(
    prepared: Prepared, name: str, load: Load, generators: Mapping[str, GeneratorCost]
) -> list[PlannedWork]:
    classifier, options = prepared.classifiers[name], classifier_options(prepared.study, name)
    if isinstance(options, DiscriminatorOptions):
        return list(_discriminators(prepared, name, options, load, generators))
    size = max(1, -(-load.images // max(1, load.trainings)))
    if classifier.fits_together:
        batch = _batch(prepared, options) if isinstance(options, FrozenOptions) else _BATCH
        cost = measure_heads(prepared, classifier, batch, load.trainings, size)
        return list(_heads(prepared, name, load, cost))
    epochs = 1
    if isinstance(options, EndToEndOptions):
        epochs, classifier = options.epochs, one_epoch(prepared, options)
    cost = measure_epochs(prepared, classifier, size)
    tuning = len(prepared.split.folds[0].tune) if isinstance(options, EndToEndOptions) else 0

    def seconds(share: Share) -> float:
        looks = share.trainings * epochs * tuning * cost.look.slope
        return share.trainings * cost.train.fixed + share.images * epochs * cost.train.slope + looks

    return [
        PlannedWork(stage, name, share.trainings, "trainings", seconds(share))
        for stage, share in _in_order(load)
    ]


def _heads(
    prepared: Prepared, name: str, load: Load, cost: ClassifierCost
) -> Iterator[PlannedWork]:
    """Plan looking at images, real ones when they are first needed, and training on features."""
    test = len(prepared.test.labels) if prepared.test else 0
    test += len(prepared.external.labels) if prepared.external else 0
    new, once = len(prepared.develop), cost.once
    for stage, share in _in_order(load):
        images = new + share.added.total() + (test if stage == "test" else 0)
        new = 0
        if images:
            seconds = once + cost.look(images)
            yield PlannedWork(stage, f"{name}: features", images, "images", seconds)
            once = 0.0
        if share.trainings:
            seconds = cost.train(share.images)
            yield PlannedWork(stage, f"{name}: heads", share.trainings, "trainings", seconds)


def _discriminators(
    prepared: Prepared,
    name: str,
    options: DiscriminatorOptions,
    load: Load,
    generators: Mapping[str, GeneratorCost],
) -> Iterator[PlannedWork]:
    acgan = AcganOptions.model_validate(prepared.study.sources[options.source])
    cost = generators.get(options.source) or measure_generator(prepared, acgan)
    for stage, share in _in_order(load):
        if share.trainings:
            iterations = share.trainings * acgan.length(-(-share.images // share.trainings))
            seconds = iterations * cost.iteration
            yield PlannedWork(stage, name, share.trainings, "trainings", seconds)


def _in_order(load: Load) -> list[tuple[str, Share]]:
    return sorted(load.stages.items(), key=lambda one: STAGES.index(one[0]))


def _batch(prepared: Prepared, options: FrozenOptions) -> int:
    from augsearch.classifiers.network_inputs import batch_size
    from augsearch.classifiers.torchvision_networks import SMALLEST_INPUT

    side = max(*prepared.images.pixels.shape[1:3], SMALLEST_INPUT)
    return batch_size(options.input_size or side, prepared.device)
