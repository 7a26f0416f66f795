"""Whether the tables of each arm make a training set: amounts that add up, and any images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from augsearch.study.lines import Location, Problem
from augsearch.study.schema.arms import (
    Arm,
    ListSearch,
    SearchOptions,
    WindowSearch,
    nothing_added,
)
from augsearch.study.schema.sources import FolderOptions, PluginOptions, SourceOptions
from augsearch.study.schema.study import StudyFile

MAYBE_FINITE = (FolderOptions, PluginOptions)
"""Sources that may have an end; all other kinds make images for ever."""


def amount_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield every addition, share of real images or search that an arm cannot have."""
    for name, arm in study.arms.items():
        where = ("arms", name)
        yield from _units(where, arm)
        yield from _endless(where, arm, study.sources)
        if arm.base is not None and arm.real < 1:
            yield (
                (*where, "real"),
                f"cannot be combined with base; set real in arm {arm.base} or drop base",
            )
        if arm.base is None and arm.real == 0:
            yield from _without_images(where, arm)


def _units(where: Location, arm: Arm) -> Iterator[Problem]:
    for index, one in enumerate(arm.add):
        if one.unit != arm.add[0].unit:
            yield (
                (*where, "add", index, one.unit),
                f"must be {arm.add[0].unit}, as the arm's first addition has it; "
                "count all additions of an arm the same way",
            )


def _endless(where: Location, arm: Arm, sources: Mapping[str, SourceOptions]) -> Iterator[Problem]:
    """Yield additions of everything from sources that are known to have no end."""
    for index, one in enumerate(arm.add):
        source = sources.get(one.source)
        if not one.everything or source is None or isinstance(source, MAYBE_FINITE):
            continue
        if source.select is None or source.select.threshold is None:
            yield (
                (*where, "add", index, "everything"),
                f"needs a source that has an end but {one.source}, of kind {source.kind}, has "
                "none; give multiple, added or per_class, or select its images by a threshold",
            )


def _without_images(where: Location, arm: Arm) -> Iterator[Problem]:
    """Yield a problem if an arm without real images trains on nothing, if only at first."""
    if any(one.amount > nothing_added(one.unit) for one in arm.add):
        return
    if arm.search is None:
        yield (
            (*where, "real"),
            "must be above 0 in an arm that adds nothing but got 0; add images or use real ones",
        )
        return
    key, first = _first_amount(arm.search)
    least = nothing_added(arm.search.unit)
    if first <= least:
        yield (
            (*where, "search", *key),
            f"must be above {least:g} in an arm without real images, which would train on "
            f"nothing there, but got {first:g}",
        )


def _first_amount(search: SearchOptions) -> tuple[Location, float]:
    """Return the smallest amount of a search and the key that says it."""
    if isinstance(search, WindowSearch):
        return ("start",), search.start
    if not isinstance(search, ListSearch):
        return ("rule",), 1.0  # every rule that finds its own multiples begins with K = 1
    key = "multiples" if search.unit == "multiple" else search.unit
    return (key, 0), search.amounts[0]
