"""About how long the stages of a study take here: counted work times what a probe of it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from augsearch.controller.planning.costs import Costs
from augsearch.controller.planning.probes import ClassifierCost, GeneratorCost
from augsearch.controller.planning.workload import Load, Share, Workload, workload
from augsearch.controller.stages.preparation import StudyData
from augsearch.study.schema.classifier import DiscriminatorOptions, EndToEndOptions
from augsearch.study.schema.generators import TRAINED, AcganOptions

STAGES = ("data", "sources", "audit", "search", "real shares", "controls", "generators", "test")
"""In the order of a run."""


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


def plan_work(data: StudyData, costs: Costs) -> list[PlannedWork]:
    """Estimate every stage but the report, if every window stops as early as it can.

    Left out is what takes a few seconds whatever the study: the audit's distances, the verdict, the
    report.

    Args:
        data: The study's images.
        costs: What a unit of work takes.
    """
    work = workload(data.study, data.counts)
    generators = {
        name: costs.generator(options)
        for name, options in data.study.sources.items()
        if name in work.iterations and isinstance(options, TRAINED)
    }
    again = ", at most" if work.again_at_most else ""
    plan = [
        PlannedWork(stage, what, amount, "iterations", amount * cost.iteration)
        for name, cost in generators.items()
        for stage, what, amount in (
            ("sources", f"source {name}", work.iterations[name]),
            ("generators", f"source {name}{again}", work.again.get(name, 0)),
        )
        if amount
    ]
    plan += _drawing(work, generators)
    for name, load in work.loads.items():
        plan += _classifier_plan(data, name, load, costs)
    return sorted(plan, key=lambda one: STAGES.index(one.stage))


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


def _classifier_plan(data: StudyData, name: str, load: Load, costs: Costs) -> list[PlannedWork]:
    options = data.study.classifier_named(name)
    if isinstance(options, DiscriminatorOptions):
        return list(_discriminators(data, name, options, load, costs))
    size = max(1, -(-load.images // max(1, load.trainings)))
    cost = costs.classifier(name, load.trainings, size)
    if cost.together:
        return list(_heads(data, name, load, cost))
    epochs, tuning = 1, 0
    if isinstance(options, EndToEndOptions):
        epochs, tuning = options.epochs, len(data.split.folds[0].tune)

    def seconds(share: Share) -> float:
        looks = share.trainings * epochs * tuning * cost.look.slope
        return share.trainings * cost.train.fixed + share.images * epochs * cost.train.slope + looks

    return [
        PlannedWork(stage, name, share.trainings, "trainings", seconds(share))
        for stage, share in _in_order(load)
    ]


def _heads(data: StudyData, name: str, load: Load, cost: ClassifierCost) -> Iterator[PlannedWork]:
    """Plan looking at images, real ones when they are first needed, and training on features."""
    test = len(data.test.labels) if data.test else 0
    test += len(data.external.labels) if data.external else 0
    new, once = len(data.develop), cost.once
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
    data: StudyData, name: str, options: DiscriminatorOptions, load: Load, costs: Costs
) -> Iterator[PlannedWork]:
    acgan = AcganOptions.model_validate(data.study.sources[options.source])
    cost = costs.generator(acgan)
    for stage, share in _in_order(load):
        if share.trainings:
            iterations = share.trainings * acgan.length(-(-share.images // share.trainings))
            seconds = iterations * cost.iteration
            yield PlannedWork(stage, name, share.trainings, "trainings", seconds)


def _in_order(load: Load) -> list[tuple[str, Share]]:
    return sorted(load.stages.items(), key=lambda one: STAGES.index(one[0]))
