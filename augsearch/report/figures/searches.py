"""Scores on the tuning set against the amount: the search itself, and all metrics beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from augsearch.amounts import amount_axis, amount_words
from augsearch.evaluation.metrics import get_metric
from augsearch.report.contents import TuningOutputs
from augsearch.report.figures.drawing import (
    COLOURS,
    WIDTH,
    canvas,
    in_style,
    is_lowest,
    legend,
    panels,
    svg,
)
from augsearch.report.sentences import metric_title
from augsearch.study.results import ArmResult, HistoryEntry
from augsearch.study.schema.arms import SaturationSearch, SearchOptions, WindowSearch

METRICS = ("accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "auc", "kappa")
"""The seven that Kong et al. 2022 draw against the size of the training set, and kappa."""

_COLUMNS = 4


@in_style
def search_curve(
    arm: ArmResult,
    name: str,
    metric: str,
    search: SearchOptions | None = None,
    base: float | None = None,
) -> str:
    """Draw tuning score against amount, with the choice and what its rule looks at; SVG text.

    The band around the curve is plus and minus one standard error over the cells of an amount;
    without at least two cells there is none.

    Args:
        arm: A searched arm.
        name: Its name.
        metric: What the score is.
        search: The rule: for a sliding window the amounts since the choice are grey, for
            saturation the scores within the tolerance of the best one are.
        base: Tuning score of the baseline, drawn as a line.
    """
    figure, axes = canvas(7.2, 3.8)
    entries = [entry for entry in arm.history if entry.score is not None]
    amounts = [entry.multiple for entry in entries]
    scores = np.array([entry.score for entry in entries], dtype=float)
    errors = np.array([_standard_error(entry) for entry in entries])
    if np.isfinite(errors).any():
        label = "± 1 standard error over trainings"
        lower, upper = scores - errors, scores + errors
        axes.fill_between(
            amounts, lower, upper, color=COLOURS[0], alpha=0.2, linewidth=0, label=label
        )
    axes.plot(amounts, scores, "o-", color=COLOURS[0], markersize=4, label=name)
    if base is not None:
        axes.axhline(base, color=COLOURS[5], linestyle=":", label="baseline")
    _mark_rule(axes, arm, search, scores)
    _mark_choice(axes, arm)
    axes.set_xlabel(amount_axis(arm.unit))
    axes.set_ylabel(f"{metric_title(metric)} on the tuning set")
    _number_amounts(axes, amounts)
    legend(figure, axes)
    return svg(figure)


@in_style
def metric_curves(
    arm: ArmResult, name: str, outputs: Sequence[TuningOutputs], metrics: Sequence[str] = METRICS
) -> str:
    """Draw metrics on the tuning set against the number of training images, a panel each; SVG.

    Values are means over the cells of an amount, as in Kong et al. 2022; a gap is a metric that is
    undefined in a cell (PPV of a model that never decides for the positive class).
    """
    sizes = [one.n_train for one in outputs]
    figure, places = panels(len(metrics), _COLUMNS, WIDTH / _COLUMNS, 1.75)
    for place, (metric, axes) in enumerate(zip(metrics, places, strict=True)):
        means = [mean_over_cells(metric, one) for one in outputs]
        axes.plot(sizes, means, "o-", color=COLOURS[0], markersize=2.5, linewidth=1.2)
        for one, mean in zip(outputs, means, strict=True):
            if one.amount == arm.multiple:
                axes.axvline(one.n_train, color=COLOURS[1], linewidth=0.8, linestyle="--")
                axes.plot(one.n_train, mean, "o", color=COLOURS[1], markersize=6, zorder=5)
        axes.set_title(metric_title(metric), fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(labelsize=7, labelbottom=is_lowest(place, len(metrics), _COLUMNS))
    chosen = (
        "" if arm.multiple is None else f"; red: chosen, {amount_words(arm.multiple, arm.unit)}"
    )
    figure.supxlabel(f"images in the training set of arm {name}{chosen}", fontsize=9)
    return svg(figure)


def mean_over_cells(metric: str, outputs: TuningOutputs) -> float:
    """Return a metric's mean over folds and replicates; NaN if it is undefined in a cell."""
    score = get_metric(metric)
    return float(np.mean([score(labels, one) for labels, runs in outputs.folds for one in runs]))


def _mark_rule(
    axes: Axes, arm: ArmResult, search: SearchOptions | None, scores: NDArray[np.float64]
) -> None:
    band: dict[str, Any] = {"color": "#000000", "alpha": 0.06, "linewidth": 0}
    if arm.multiple is None or arm.stopped_at is None:
        return
    if isinstance(search, WindowSearch):
        label = f"no gain since the choice (window {search.window})"
        axes.axvspan(arm.multiple, arm.stopped_at, label=label, **band)
    elif isinstance(search, SaturationSearch):
        best = float(np.nanmax(scores))
        label = f"within {search.tolerance:g} of the best"
        axes.axhspan(best - search.tolerance, best, label=label, **band)
        axes.axvline(arm.multiple, color=COLOURS[1], linewidth=0.8, linestyle="--")


def _mark_choice(axes: Axes, arm: ArmResult) -> None:
    if arm.multiple is None or arm.score is None:
        return
    axes.plot(arm.multiple, arm.score, "o", color=COLOURS[1], markersize=9, zorder=5)
    left, right = axes.get_xlim()
    far = (arm.multiple - left) / (right - left) > 0.7
    axes.annotate(
        amount_words(arm.multiple, arm.unit),
        (arm.multiple, arm.score),
        xytext=(-6 if far else 6, 8),
        textcoords="offset points",
        horizontalalignment="right" if far else "left",
        color=COLOURS[1],
    )


def _number_amounts(axes: Axes, amounts: Sequence[float]) -> None:
    if all(amount.is_integer() for amount in amounts):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _standard_error(entry: HistoryEntry) -> float:
    scores = [score for score in entry.scores if score is not None]
    if len(scores) < 2:
        return float("nan")
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))
