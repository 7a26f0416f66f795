"""[arms.NAME]: the recipes of training sets that are compared."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from augsearch.amounts import Unit
from augsearch.study.schema.tables import Table, choose_by

Multiple = Annotated[float, Field(ge=1, le=10_000)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
COUNTED: tuple[Unit, ...] = ("multiple", "added", "per_class")


def nothing_added(unit: Unit) -> float:
    """Return the amount that adds nothing: K = 1, or 0 images."""
    return 1.0 if unit == "multiple" else 0.0


class Addition(Table):
    """A fixed amount from one source: just one of the four keys beside it says how much."""

    source: str
    """A table of [sources]."""
    multiple: Multiple | None = None
    """K: adds K - 1 times the size of the base set."""
    added: Count | None = None
    """Images in all."""
    per_class: Count | None = None
    """Images of each class."""
    everything: bool = False
    """All images of a source that has an end: a folder, or what passed a selection's threshold."""

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if sum(getattr(self, unit) is not None for unit in COUNTED) + self.everything != 1:
            raise ValueError(
                "must have one of multiple, added, per_class and everything; give just one"
            )
        return self

    @property
    def unit(self) -> Unit:
        """What `amount` counts."""
        return next((unit for unit in COUNTED if getattr(self, unit) is not None), "everything")

    @property
    def amount(self) -> float:
        """The one amount that is given; 1 for everything."""
        return float(getattr(self, self.unit))


class _Search(Table):
    """What every search has."""

    source: str
    """A table of [sources]."""

    @property
    def unit(self) -> Unit:
        """What the amounts count."""
        return "multiple"


class WindowSearch(_Search):
    """K = 1, 2, 3 ... until the last `window` amounts brought no gain (Kong et al. 2022).

    The published procedure, and the default; "halving" is recommended for new work.
    """

    rule: Literal["sliding-window"] = "sliding-window"
    window: Annotated[int, Field(ge=1)] = 12
    """Amounts without a gain after which the search ends."""
    start: Multiple = 1.0
    """The first K."""
    step: Annotated[float, Field(ge=1e-6)] = 1.0
    """Distance of two K."""
    max_multiple: Multiple | None = None
    """The largest K; default: the window alone ends the search."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """A gain counts if it is larger than this."""


class ListSearch(_Search):
    """All amounts of a list; exactly one of the three lists says them and what they count."""

    multiples: Annotated[tuple[Multiple, ...], Field(strict=False, min_length=1)] | None = None
    """Values of K, rising."""
    added: Annotated[tuple[Count, ...], Field(strict=False, min_length=1)] | None = None
    """Numbers of images in all, rising."""
    per_class: Annotated[tuple[Count, ...], Field(strict=False, min_length=1)] | None = None
    """Numbers of images of each class, rising."""

    @model_validator(mode="after")
    def _one_rising_list(self) -> Self:
        if sum(one is not None for one in (self.multiples, self.added, self.per_class)) != 1:
            raise ValueError("must have one of multiples, added and per_class; give just one list")
        amounts = self.amounts
        if any(later <= earlier for earlier, later in pairwise(amounts)):
            raise ValueError(f"amounts must rise but are {', '.join(f'{a:g}' for a in amounts)}")
        return self

    @property
    def unit(self) -> Unit:
        """What the amounts count."""
        if self.multiples is not None:
            return "multiple"
        return "added" if self.added is not None else "per_class"

    @property
    def amounts(self) -> tuple[float, ...]:
        """The amounts, rising."""
        return tuple(map(float, self.multiples or self.added or self.per_class or ()))


class SweepSearch(ListSearch):
    """Tries every amount of a list; the best score wins."""

    rule: Literal["sweep"]


class SaturationSearch(ListSearch):
    """Tries every amount of a list; the smallest within `tolerance` of the best score wins."""

    rule: Literal["saturation"]
    tolerance: Annotated[float, Field(ge=0)] = 0.005
    """How far below the best score still counts as saturated."""


class _MultipleSearch(_Search):
    """Multiples from 1 to a limit, of which a rule tries some, and some of them repeatedly."""

    max_multiple: Multiple = 60.0
    """The largest K."""
    fractions: bool = False
    """Try 1.25 and 1.5, too."""


class HalvingSearch(_MultipleSearch):
    """K = 1, 2, 3, 4, 6, 8, 11 ... 60; more replicates for the best 6, then the best 3 of them.

    The best of the curve smoothed over log K wins. Recommended for new work.
    """

    rule: Literal["halving"]


class TpeSearch(_MultipleSearch):
    """Optuna's TPE proposes K, one after the other; the best of the smoothed curve wins."""

    rule: Literal["tpe"]
    trials: Annotated[int, Field(ge=1)] = 24
    """Evaluations in all; an amount that is proposed again gets further replicates."""


SearchOptions = Annotated[
    Annotated[WindowSearch, Tag("sliding-window")]
    | Annotated[SweepSearch, Tag("sweep")]
    | Annotated[SaturationSearch, Tag("saturation")]
    | Annotated[HalvingSearch, Tag("halving")]
    | Annotated[TpeSearch, Tag("tpe")],
    choose_by(
        "rule",
        "sliding-window",
        "sweep",
        "saturation",
        "halving",
        "tpe",
        default="sliding-window",
    ),
]


class Arm(Table):
    """One recipe of a training set that is compared with the others."""

    base: str | None = None
    """Start from this arm's training set (its optimum, if it was searched)."""
    real: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the real training images of each class that is used; 0 trains on added images
    alone. Amounts still count in sizes of the whole base set."""
    balance: str | None = None
    """Fill every class up to the largest one with images of this source."""
    add: Annotated[tuple[Addition, ...], Field(strict=False)] = ()
    """Fixed amounts of images from sources."""
    search: SearchOptions | None = None
    """An amount that is searched."""
    classifier: str | None = None
    """A table of [classifiers]; default: [classifier]."""

    @property
    def unit(self) -> Unit:
        """What this arm's amounts count: as its search says, else as its first addition does."""
        if self.search is not None:
            return self.search.unit
        return self.add[0].unit if self.add else "multiple"
