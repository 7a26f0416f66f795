"""[arms.NAME]: the recipes of training sets that are compared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augsearch.study.schema.tables import Table

Multiple = Annotated[float, Field(ge=1, le=10_000)]


class Addition(Table):
    """A fixed amount: (multiple - 1) times the base size, from one source."""

    source: str
    multiple: Multiple


class SearchOptions(Table):
    """An amount that is searched: how, and from which source the images come."""

    source: str
    rule: Literal["sliding-window"] = "sliding-window"
    window: Annotated[int, Field(ge=1)] = 12
    start: Multiple = 1.0
    step: Annotated[float, Field(ge=1e-6)] = 1.0
    max_multiple: Multiple | None = None
    min_delta: Annotated[float, Field(ge=0)] = 0.0


class Arm(Table):
    """One recipe of a training set that is compared with the others."""

    base: str | None = None
    """Start from this arm's training set (its optimum, if it was searched)."""
    balance: str | None = None
    """Fill every class up to the largest one with images of this source."""
    add: Annotated[tuple[Addition, ...], Field(strict=False)] = ()
    search: SearchOptions | None = None
