"""results.json: what a finished run says, in a versioned form that other programs read."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field

from augsearch.amounts import Unit
from augsearch.study.audit_result import AuditResult, Record
from augsearch.study.schema.tables import NAME_PATTERN

# Figures and tables are files named after arms, and results.json may come from anywhere.
_ARM_PATTERN = NAME_PATTERN.removesuffix("$") + r"( \([a-z]+ control\))?$"

Label = Literal["helps", "no evidence", "harms"]


def finite(value: float) -> float | None:
    """Return the number, or None where JSON has no word for it."""
    return float(value) if math.isfinite(value) else None


class Interval(Record):
    """A value with the two ends of its confidence interval; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Self:
        """Return an interval of numbers that may be NaN or infinite."""
        return cls(value=finite(value), low=finite(low), high=finite(high))


class EndpointGain(Interval):
    """Gain over the baseline in a further endpoint, and what its interval says."""

    label: Label
    note: str = Field("", description="what limits the answer, if anything does")


class HistoryEntry(Record):
    """One amount and its tuning scores; null stands for NaN."""

    multiple: float
    score: float | None
    scores: list[float | None]


class SmoothedChoice(Record):
    """The best of the tried amounts on the curve smoothed over log K by a Gaussian process."""

    multiple: float
    mean: float = Field(description="posterior mean of its score: hardly too high, as a maximum is")
    sd: float = Field(
        description="posterior standard deviation, without what all amounts have in common"
    )
    noise: float | None = Field(
        description="variance of a single score that the smoothing was told (one training of each "
        "amount: half the mean paired DeLong variance of neighbouring amounts + 0.01²); null: told "
        "from the scores alone"
    )


class ArmResult(Record):
    """One arm: what was chosen and how it fared."""

    multiple: float | None = Field(description="the chosen amount, counted as unit says")
    unit: Unit = Field(
        "multiple",
        description="what amounts count: multiple is K, the size over the base size; added is "
        "images added in all; per_class is images added of each class",
    )
    setting: dict[str, bool | int | float | str] | None = Field(
        None,
        description="the chosen setting of the arm's classifier, dotted key to value; null "
        "without [tune]",
    )
    n_train: int = Field(description="images in the chosen training set (first fold)")
    score: float | None = Field(
        description="tuning score of the chosen amount: the mean of its trainings, or with rules "
        "halving and tpe the smoothed curve's mean"
    )
    smoothed: SmoothedChoice | None = Field(
        None, description="null without a search over multiples, or with too few scores to smooth"
    )
    stopped_at: float | None = Field(description="the last amount that was evaluated")
    reason: str | None = Field(description="why the search stopped; null without a search")
    history: list[HistoryEntry]
    test: dict[str, Interval]
    external: dict[str, Interval] | None
    gain: Interval | None = Field(
        description="AUC over the baseline, on the images that judged_on names; null for the "
        "baseline, and without a test set for arms of another classifier"
    )
    endpoints: dict[str, EndpointGain] = Field(
        {},
        description="the study's further endpoints, by name: gain over the baseline on the test "
        "set; above 0 is better, of brier too; secondary, without correction for their number",
    )
    control_of: str | None = Field(
        None, description="the searched arm whose amount this control arm repeats; null for others"
    )


class ControlGain(Record):
    """The declared arm against its best control: as many images, nothing synthetic."""

    arm: str = Field(description="the control arm, chosen on tuning scores")
    gain: float = Field(description="test AUC of the declared arm over the control's")
    low: float | None
    high: float | None


class VerdictResult(Record):
    """The answer, in the AUC on the images that judged_on names: arm against baseline."""

    arm: str
    label: Label
    gain: float
    low: float | None
    high: float | None
    note: str = Field("", description="what limits the answer, if anything does")
    generators: int | None = Field(
        None,
        description="trainings of the generators behind the answer, in every fold: 1 speaks of "
        "those trained generators, more speak of their recipe; null: no trained generator",
    )
    control: ControlGain | None = Field(None, description="null without controls")


class EarlierOpening(Record):
    """Another run that opened the same test set before this one did."""

    run: str = Field(description="name of its run directory")
    opened_at: str = Field(description="when, ISO 8601, UTC")
    arm: str | None = Field(description="the arm it had declared")
    multiple: float | None = Field(description="and that arm's amount")


class RealEquivalence(Record):
    """How many more real images would have brought the gain of the chosen synthetic ones."""

    text: str = Field(description="the answer in words, or why there is none")
    extra_images: float | None = Field(description="null if it cannot be said; below 0: fewer")
    low: float | None = Field(description="null: fewer than the curve reaches down to")
    high: float | None = Field(description="null: more than the curve reaches up to")


class StudyResult(Record):
    """All that results.json holds."""

    schema_version: Literal[1] = 1
    study: str
    baseline: str
    judged_on: Literal["test", "tuning"] = Field(
        "test",
        description="which images gains and verdict speak of: the test set, or in a study without "
        "one the tuning set, with intervals that hold for all amounts at once",
    )
    arms: dict[Annotated[str, Field(pattern=_ARM_PATTERN)], ArmResult]
    verdict: VerdictResult | None = Field(description="null if no arm differs from the baseline")
    test_opened_before: list[EarlierOpening] = Field(
        [], description="runs beside this one that had opened the same test images before"
    )
    real_equivalence: RealEquivalence | None = Field(
        None, description="null if the study did not ask, or nothing was added"
    )
    audits: list[AuditResult] = Field(
        [], description="what the audit found, per source and fold; empty without any"
    )
    warnings: list[str] = Field([])
    seconds: dict[str, float]
