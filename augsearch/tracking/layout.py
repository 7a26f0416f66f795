"""How a study looks in MLflow: which runs there are, their names, curves and steps.

One parent run per arm with the mean score, one child per (fold, replicate) with its own curve, one
run "study" for what belongs to all arms, and below it one run per trained source and fold. No run
per amount: a page of such runs reads badly.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import TypeVar

from augsearch.records import Evaluation
from augsearch.tracking.outbox import ParametersSet, Point, RunOpened

STUDY = "study"
DESCRIPTION = "mlflow.note.content"
"""The tag that the UI shows as a run's description."""
_MAX_PARAMETER = 6000
_MAX_NAME = 250

Value = TypeVar("Value")


def arm_run(arm: str) -> RunOpened:
    """Return the parent run of an arm."""
    return RunOpened(run=f"arm/{arm}", name=arm)


def cell_run(arm: str, fold: int, replicate: int) -> RunOpened:
    """Return the child run of one fold and replicate of an arm."""
    name = f"fold {fold}, replicate {replicate}"
    return RunOpened(run=f"arm/{arm}/{name}", name=name, parent=f"arm/{arm}")


def study_run() -> RunOpened:
    """Return the run of all that belongs to no single arm."""
    return RunOpened(run=STUDY, name=STUDY)


def source_run(source: str, fold: int) -> RunOpened:
    """Return the run of one source's training on one fold."""
    return RunOpened(
        run=f"source/{source}/{fold}", name=f"source {source}, fold {fold}", parent=STUDY
    )


def whole(multiple: float) -> bool:
    """Return whether an amount can be a step as it is."""
    return float(multiple).is_integer()


def number(multiple: float) -> str:
    """Return an amount as text, 7 rather than 7.0."""
    return str(int(multiple)) if whole(multiple) else repr(float(multiple))


def score_points(
    arm: str,
    evaluation: Evaluation,
    cells: Sequence[tuple[int, int]],
    scaled: bool = False,
    known: int = 0,
) -> tuple[Point, ...]:
    """Return a trial's points: mean and standard error on the parent, each score on its child.

    MLflow's steps are whole numbers. An amount is its own step; a search with fractional amounts
    is drawn a second time, in curves called ..._x100 whose step is 100 K, rounded.

    Args:
        arm: Name of the arm.
        evaluation: The trial. A NaN score stays NaN: it was evaluated, and shows as a gap.
        cells: (fold, replicate) of each of `evaluation.scores`.
        scaled: Give the ..._x100 points.
        known: How many of the first scores have their points already, from earlier rounds.
    """
    suffix = "_x100" if scaled else ""
    step = round(evaluation.multiple * (100 if scaled else 1))
    parent = arm_run(arm).run
    points = [Point(parent, "score" + suffix, step, evaluation.score)]
    n = len(evaluation.scores)
    if n > 1 and all(map(math.isfinite, evaluation.scores)):
        error = statistics.stdev(evaluation.scores) / math.sqrt(n)
        points.append(Point(parent, "score_se" + suffix, step, error))
    for (fold, replicate), score in [*zip(cells, evaluation.scores, strict=True)][known:]:
        points.append(Point(cell_run(arm, fold, replicate).run, "score" + suffix, step, score))
    return tuple(points)


def metric_points(run: str, metrics: Mapping[str, float], step: int) -> tuple[Point, ...]:
    """Return metrics of one run at one step."""
    return tuple(Point(run, key, step, float(value)) for key, value in _plain(metrics).items())


def parameters(run: str, values: Mapping[str, str]) -> ParametersSet:
    """Return parameters, keys and values cut to what every MLflow store takes."""
    return ParametersSet(
        run, {key: str(value)[:_MAX_PARAMETER] for key, value in _plain(values).items()}
    )


def _plain(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values by names that MLflow takes; those that come out alike are numbered."""
    plain: dict[str, Value] = {}
    for key, value in values.items():
        name, number = plain_name(key), 1
        while name in plain:
            number += 1
            name = f"{plain_name(key)[: _MAX_NAME - 5]}_{number}"
        plain[name] = value
    return plain


def plain_name(name: str) -> str:
    """Return a name that MLflow takes for a metric or parameter.

    Example:
        >>> plain_name("arms.both.add[0].multiple")
        'arms.both.add_0_.multiple'
    """
    return re.sub(r"[^\w.\- ]", "_", name)[:_MAX_NAME]
