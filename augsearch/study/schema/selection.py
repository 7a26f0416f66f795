"""[sources.NAME], the part that every kind of source has: what it is fitted to, what is kept."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augsearch.study.schema.tables import Table


class SelectOptions(Table):
    """Keep only those images of a source that pass; without classes of their own, give them one."""

    by: Literal["confidence", "discriminator", "distance"]
    """confidence: probability of the wanted class by a classifier trained on the fold's real
    training images; discriminator: the trained discriminator's score, larger for real; distance:
    in that classifier's features, to the nearest real training image of the class, in units of
    the median distance of real training images of the class to the nearest other one."""
    threshold: float | None = None
    """Keep what scores at least this (distance: at most)."""
    best: Annotated[int, Field(ge=1)] | None = None
    """Keep the best so many of every `of` images."""
    of: Annotated[int, Field(ge=1)] = 2_000
    """Images made of each class (of all classes together, if the source has no classes): there
    are as many to use as pass a threshold among them; `best` takes them by runs of this many."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.threshold is None) == (self.best is None):
            raise ValueError("must have either threshold or best (of); give one of them")
        if self.best is not None and self.best > self.of:
            raise ValueError(f"best must be at most of, {self.of}, but got {self.best}")
        if self.by == "confidence" and not 0 <= (self.threshold or 0) <= 1:
            raise ValueError(f"threshold must be a probability, 0 to 1, but got {self.threshold:g}")
        if self.by == "distance" and (self.threshold or 0) < 0:
            raise ValueError(f"threshold must be a distance, 0 or more, but got {self.threshold:g}")
        return self


class SourceTable(Table):
    """What every source may be told."""

    train_on: str | None = None
    """Fit to this arm's chosen training set; default: to the real training images."""
    select: SelectOptions | None = None
    """Keep only the images that pass; default: all."""
