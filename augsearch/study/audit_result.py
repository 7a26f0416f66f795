"""What the audit of one source in one fold found: part of results.json, and a file of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AuditVerdict = Literal["pass", "warn", "fail"]


class Record(BaseModel):
    """A table of results.json."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class CopiesFound(Record):
    """Images nearer to a training image than real images of other groups come."""

    count: int
    total: int
    low: float = Field(description="lower end of the share's 95 % Wilson interval")
    high: float = Field(description="its upper end")
    threshold: float = Field(description="of the relative distance; 0 if nothing can be told")
    expected: float = Field(description="share of fresh real images below the threshold, at most")
    p_value: float = Field(description="probability of so many if they were fresh real images")
    median: float = Field(description="median relative distance of the images")
    median_real: float = Field(description="the same of held-out real images: the floor")

    @property
    def share(self) -> float:
        """Share of the images that are copies."""
        return self.count / self.total


class Leaked(Record):
    """Images that show the same as a real image that no generator may have seen."""

    count: int
    shown: list[str] = Field(description="the real images, and the set each is in")


class ClosestPair(Record):
    """A synthetic image and the training image that it comes nearest to."""

    label: int
    index: int = Field(description="number of the image in its class's stream")
    row: int = Field(description="row of the training image among the fold's training images")
    name: str = Field(description="what the user calls that training image")
    nearness: float = Field(description="relative distance over threshold; below 1 it is a copy")


class Variety(Record):
    """MS-SSIM of pairs of images within a class: near 1 if they all look alike."""

    class_name: str
    synthetic: float
    real: float = Field(description="of real training images: the floor")

    @property
    def lost(self) -> float:
        """Share of the real images' variety, 1 - MS-SSIM, that the synthetic ones lack."""
        return (self.synthetic - self.real) / (1 - self.real) if self.real < 1 else 0.0


class Beside(Record):
    """A number beside the same number of real against real images; null where too few images."""

    value: float | None
    floor: float | None
    se: float | None = Field(None, description="standard error of the value")
    floor_se: float | None = Field(None, description="spread of the floor over random halves")


class SyntheticScore(Record):
    """The tuning score of a classifier trained on synthetic images alone."""

    metric: str
    value: float
    real: float = Field(description="trained on as many real training images: the floor")
    p_better: float = Field(description="share of random assignments of its outputs as good")
    p_worse: float = Field(description="share of random assignments of its outputs as bad")
    real_p_better: float = Field(description="p_better of the real training images")


class AuditNumbers(Record):
    """Everything that was measured."""

    source: str
    fold: int
    features: Literal["classifier", "pixels"] = Field(
        description="classifier: what its last layer sees; pixels: it has no features"
    )
    images: dict[str, int] = Field(description="synthetic images of each class looked at")
    identical: int = Field(description="of these, equal to a training image in every pixel")
    copies: dict[Literal["features", "pixels"], CopiesFound]
    pairs: list[ClosestPair] = Field(description="the closest ones, closest first")
    variety: list[Variety]
    kid: Beside
    density: Beside
    coverage: Beside
    score: SyntheticScore | None = Field(description="null if a class has no images to train on")
    missing: dict[str, str] = Field(
        {}, description="classes that the source gave no image of, and why"
    )
    leaked: Leaked | None = Field(
        None,
        description="images that show what a tuning, test or external image shows; null: not "
        "looked for, as the source was trained in the run, on training images",
    )
    quarantined: dict[str, int] | None = Field(
        None, description="copies dropped from the first images of each class; null: none are"
    )


class AuditResult(AuditNumbers):
    """What was measured, and what follows from it."""

    verdict: AuditVerdict
    reasons: list[str] = Field(description="why it is not a pass, in words")
