"""results.json: what a finished run says, in a versioned form that other programs read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from augsearch.amounts import Unit

Label = Literal["helps", "no evidence", "harms"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Interval(_Record):
    """A value with the two ends of its confidence interval; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class HistoryEntry(_Record):
    """One amount and its tuning scores; null stands for NaN."""

    multiple: float
    score: float | None
    scores: list[float | None]


class ArmResult(_Record):
    """One arm: what was chosen and how it fared."""

    multiple: float | None = Field(description="the chosen amount, counted as unit says")
    unit: Unit = Field(
        "multiple",
        description="what amounts count: multiple is K, the size over the base size; added is "
        "images added in all; per_class is images added of each class",
    )
    n_train: int = Field(description="images in the chosen training set (first fold)")
    score: float | None = Field(description="mean tuning score of the chosen amount")
    stopped_at: float | None = Field(description="the last amount that was evaluated")
    reason: str | None = Field(description="why the search stopped; null without a search")
    history: list[HistoryEntry]
    test: dict[str, Interval]
    external: dict[str, Interval] | None
    gain: Interval | None = Field(description="test AUC over the baseline; null for the baseline")


class VerdictResult(_Record):
    """The answer, in the test set's AUC: arm against baseline."""

    arm: str
    label: Label
    gain: float
    low: float | None
    high: float | None
    note: str = Field("", description="what limits the answer, if anything does")


class StudyResult(_Record):
    """All that results.json holds."""

    schema_version: Literal[1] = 1
    study: str
    baseline: str
    arms: dict[str, ArmResult]
    verdict: VerdictResult | None = Field(description="null if no arm differs from the baseline")
    warnings: list[str] = []
    seconds: dict[str, float]
