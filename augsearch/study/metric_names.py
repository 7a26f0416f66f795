"""What metrics are called, and whether a study names one that there is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoints, entry_points

from augsearch.messages import show, unknown
from augsearch.study.lines import Problem
from augsearch.study.schema.study import StudyFile

KNOWN_METRICS = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "kappa",
    "sensitivity",
    "specificity",
    "brier",
)
"""What a study may optimise, beside `SENSITIVITY_AT`."""
REPORTED_METRICS = ("ppv", "npv")
"""For reports and endpoints alone: they can be undefined for a model that decides everything the
same way, which no search should trip over."""
SENSITIVITY_AT = "sensitivity@"
"""Followed by a specificity: ``sensitivity@0.90`` is the sensitivity where specificity is 0.9."""
METRIC_PLUGINS = "augsearch.metrics"
"""Entry point group of third-party metrics: ``name = "package.module:metric"``, a `Metric`."""


def known_metrics(searched: bool = False) -> tuple[str, ...]:
    """Return the names of all metrics, with one example of those that have a number in them.

    Args:
        searched: Leave out those that no search may optimise.
    """
    reported = () if searched else REPORTED_METRICS
    return (*KNOWN_METRICS, f"{SENSITIVITY_AT}0.90", *reported, *sorted(metric_plugins().names))


def metric_plugins() -> EntryPoints:
    """Return the entry points of third-party metrics; none of them is loaded."""
    return entry_points(group=METRIC_PLUGINS)


def metric_problem(name: str, searched: bool = False) -> str | None:
    """Return what is wrong with the name of a metric ("must be one of ..."); None if nothing is.

    Example:
        >>> metric_problem("sensitivity@0.95") is None
        True
        >>> metric_problem("sensitivity@95")
        "must have a specificity between 0 and 1 but got 'sensitivity@95'; write sensitivity@0.90"
    """
    # Before the plug-ins are looked for, which means reading the metadata of all that is installed.
    if name in KNOWN_METRICS or (name in REPORTED_METRICS and not searched):
        return None
    known = known_metrics(searched)
    if name in known:
        return None
    if not name.startswith(SENSITIVITY_AT):
        return f"must be one of {', '.join(known)} {unknown(name, known)}"
    if specificity_of(name) is None:
        return (
            f"must have a specificity between 0 and 1 but got {show(name)}; "
            f"write {SENSITIVITY_AT}0.90"
        )
    return None


def specificity_of(name: str) -> float | None:
    """Return the specificity in a name such as "sensitivity@0.90"; None if there is none."""
    try:
        specificity = float(name.removeprefix(SENSITIVITY_AT))
    except ValueError:
        specificity = math.nan
    return specificity if name.startswith(SENSITIVITY_AT) and 0 < specificity < 1 else None


def named_metrics(study: StudyFile) -> tuple[str, ...]:
    """Return every metric that a study names for all its classes together."""
    tables = [name for table in study.report.tables.values() for name in table.metrics]
    return tuple(dict.fromkeys((study.evaluation.metric, *study.evaluation.endpoints, *tables)))


def metric_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what is wrong with the metrics of [evaluation]."""
    problem = metric_problem(study.evaluation.metric, searched=True)
    if problem is not None:
        yield ("evaluation", "metric"), problem
    endpoints = study.evaluation.endpoints
    for place, name in enumerate(endpoints):
        problem = _endpoint_problem(name, endpoints[:place])
        if problem is not None:
            yield ("evaluation", "endpoints", place), problem


def _endpoint_problem(name: str, earlier: Sequence[str]) -> str | None:
    if name == "auc":
        return "must be another metric than 'auc', in which the verdict is given anyway; drop it"
    if _meaning(name) in map(_meaning, earlier):
        return f"must be named once but {name!r} is named again; drop it"
    return metric_problem(name)


def _meaning(name: str) -> str | float:
    """Return what is the same for sensitivity@0.9 and sensitivity@0.90."""
    specificity = specificity_of(name)
    return name if specificity is None else specificity
