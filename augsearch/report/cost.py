"""What a run cost: seconds per stage, trainings and images per searched amount."""

from __future__ import annotations

from dataclasses import dataclass

from augsearch.report.contents import ReportContents


@dataclass(frozen=True)
class ArmCost:
    """What the search of one arm cost.

    Attributes:
        arm: Its name.
        trials: Amounts that were evaluated.
        trainings: Trainings in all of them.
        smallest: Images in the training set of the smallest amount, the mean over the folds.
        largest: The same of the largest.
        images: Images in the training sets of all trainings together.
        seconds: What the search took, in all calls of the run together, with the drawing of images
            and their features; None if it was not measured for the arm alone.
    """

    arm: str
    trials: int
    trainings: int
    smallest: int
    largest: int
    images: int
    seconds: float | None = None

    @property
    def seconds_per_trial(self) -> float | None:
        """Seconds of an amount, the mean over all of them, which may have been trained at once."""
        return None if self.seconds is None else self.seconds / self.trials

    @property
    def images_per_second(self) -> float | None:
        """Images of training sets per second, each as often as a training set has it."""
        return self.images / self.seconds if self.seconds else None


def arm_costs(contents: ReportContents) -> list[ArmCost]:
    """Return what the amounts of each arm cost; arms without known sizes are left out."""
    costs = []
    for name, entries in contents.tuning.items():
        if not entries:
            continue
        sizes = [one.n_train for one in entries]
        trainings = [sum(len(fold.probabilities) for fold in one.folds) for one in entries]
        images = sum(size * count for size, count in zip(sizes, trainings, strict=True))
        costs.append(
            ArmCost(
                *(name, len(entries), sum(trainings)),
                *(round(min(sizes)), round(max(sizes)), round(images)),
                contents.result.seconds.get(f"search {name}"),
            )
        )
    return costs


def stage_shares(seconds: dict[str, float]) -> list[tuple[str, float, float]]:
    """Return stage, its seconds and its share of all, the most expensive first.

    Example:
        >>> stage_shares({"data": 1.0, "test": 3.0})
        [('test', 3.0, 0.75), ('data', 1.0, 0.25)]
    """
    total = sum(seconds.values()) or 1.0
    ranked = sorted(seconds.items(), key=lambda one: -one[1])
    return [(stage, spent, spent / total) for stage, spent in ranked]
