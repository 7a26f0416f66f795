"""Which arm must be searched before which: its base, and the arms its sources are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from augsearch.messages import unknown
from augsearch.study.lines import Problem
from augsearch.study.schema.arms import Arm
from augsearch.study.schema.generators import TRAINED
from augsearch.study.schema.study import StudyFile


def sources_of(arm: Arm) -> tuple[str, ...]:
    """Return the sources that an arm names itself, in order of first use.

    Example:
        >>> sources_of(Arm(balance="acgan"))
        ('acgan',)
    """
    searched = [arm.search.source] if arm.search else []
    named = [arm.balance, *(one.source for one in arm.add), *searched]
    return tuple(dict.fromkeys(name for name in named if name is not None))


def used_sources(study: StudyFile) -> tuple[str, ...]:
    """Return the sources that any arm of the study uses, in order of first use."""
    return tuple(dict.fromkeys(name for arm in study.arms.values() for name in sources_of(arm)))


def trained_sources(study: StudyFile) -> tuple[str, ...]:
    """Return those of them that are trained: generators."""
    return tuple(one for one in used_sources(study) if isinstance(study.sources[one], TRAINED))


def search_order(study: StudyFile) -> tuple[str, ...]:
    """Return all arms so that each comes after those it depends on, else in the study's order.

    Raises:
        graphlib.CycleError: Arms that lead back to themselves; a checked study has none.
    """
    ordered: dict[str, None] = {}
    for name in study.arms:
        graph: dict[str, tuple[str, ...]] = {}
        _reach(study, name, graph)
        ordered |= dict.fromkeys(TopologicalSorter(graph).static_order())
    return tuple(ordered)


def order_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what is wrong with `train_on`: an arm that is not there, or a circle."""
    for name, source in study.sources.items():
        if source.train_on is not None and source.train_on not in study.arms:
            known = ", ".join(study.arms)
            yield (
                ("sources", name, "train_on"),
                f"must name an arm ({known}) {unknown(source.train_on, study.arms)}",
            )
    reported: set[frozenset[str]] = set()
    for name in used_sources(study):
        circle = _circle_of(study, name)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            yield (
                ("sources", name, "train_on"),
                "arms and the sources they use must not lead back to themselves but "
                f"{' -> '.join(circle)}; train on another arm",
            )


def _dependencies(study: StudyFile, name: str) -> tuple[str, ...]:
    arm = study.arms[name]
    needed = [arm.base]
    needed += [study.sources[one].train_on for one in sources_of(arm) if one in study.sources]
    return tuple(dict.fromkeys(one for one in needed if one is not None and one in study.arms))


def _reach(study: StudyFile, name: str, graph: dict[str, tuple[str, ...]]) -> None:
    """Add the arm and all that it depends on to the graph."""
    if name not in graph:
        graph[name] = _dependencies(study, name)
        for needed in graph[name]:
            _reach(study, needed, graph)


def _circle_of(study: StudyFile, source: str) -> list[str]:
    """Return the arms that lead back to themselves by way of a source; empty if they do not."""
    trained_on = study.sources[source].train_on if source in study.sources else None
    if trained_on not in study.arms:
        return []
    graph: dict[str, tuple[str, ...]] = {}
    _reach(study, trained_on, graph)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]  # now each arm comes before one that it needs
        if any(
            needed == trained_on and source in sources_of(study.arms[arm])
            for arm, needed in pairwise(circle)
        ):
            return circle
    return []
