"""The curve of a search: tuning score against the amount, what its rule saw, and variety below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from augsearch.amounts import amount_axis, amount_words
from augsearch.evaluation.metrics import get_metric
from augsearch.report.contents import Likeness, Smoothed
from augsearch.report.figures.drawing import control_title, in_style, legend, shortened, svg, tidy
from augsearch.report.figures.palette import (
    CHOSEN,
    COLOURS,
    CURVE,
    GREY,
    INK,
    colour,
    line_style,
    marker,
)
from augsearch.report.words.sentences import metric_title
from augsearch.study.results import ArmResult, HistoryEntry
from augsearch.study.schema.arms import SaturationSearch, SearchOptions, WindowSearch

SMOOTHED, CONTROL = COLOURS[2], COLOURS[3]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stands beside the scores of a search.

    Attributes:
        search: Its rule: for a sliding window the amounts since the choice are grey, for saturation
            the scores within the tolerance of the best one are.
        base: Tuning score of the baseline, drawn as a line.
        smoothed: The smoothed curve; None: there is none.
        confidence_set: The amounts that are as good as the best, as far as can be told.
        controls: Control arm -> its result, a point at its amount.
        likeness: Variety of the added images, one entry per class.
    """

    search: SearchOptions | None = None
    base: float | None = None
    smoothed: Smoothed | None = None
    confidence_set: Sequence[float] = ()
    controls: Mapping[str, ArmResult] = field(default_factory=dict)
    likeness: Sequence[Likeness] = ()


@in_style
def search_curve(arm: ArmResult, name: str, metric: str, beside: Surroundings) -> str:
    """Draw tuning score against amount, with the choice and what its rule looks at; SVG text.

    The band around the curve is plus and minus one standard error over the cells of an amount;
    without at least two cells there is none. The band around the smoothed curve is plus and minus
    one standard deviation.

    Args:
        arm: A searched arm.
        name: Its name.
        metric: What the score is.
        beside: All else that is drawn.
    """
    figure, axes, below = _axes(bool(beside.likeness), len(beside.controls))
    entries = [entry for entry in arm.history if entry.score is not None]
    scores = np.array([entry.score for entry in entries], dtype=float)
    _draw_scores(axes, entries, scores, name)
    if beside.smoothed is not None:
        _draw_smoothed(axes, beside.smoothed)
    if beside.base is not None:
        axes.axhline(beside.base, color=GREY, linestyle=":", label="baseline")
    _draw_controls(axes, beside.controls)
    _mark_rule(axes, arm, beside.search, scores, metric)
    _mark_choice(axes, arm)
    _mark_set(axes, beside.confidence_set)
    axes.set_ylabel(f"{metric_title(metric)} on the tuning set")
    if below is not None:
        _draw_likeness(below, beside.likeness, arm.multiple)
        axes.tick_params(labelbottom=False)
    (below or axes).set_xlabel(amount_axis(arm.unit))
    number_amounts(below or axes, [entry.multiple for entry in entries])
    legend(figure, axes)
    return svg(figure, describe_search(arm, name, metric, beside))


def describe_search(arm: ArmResult, name: str, metric: str, beside: Surroundings) -> str:
    """Say in words what the figure of a search shows."""
    scored = [entry for entry in arm.history if entry.score is not None]
    if not scored:
        return f"Search of arm {name}: no amount has a finite score."
    first, last = (amount_words(scored[place].multiple, arm.unit) for place in (0, -1))
    words = [
        f"Search of arm {name}: {metric_title(metric)} on the tuning set from {first} "
        f"({scored[0].score:.3f}) to {last} ({scored[-1].score:.3f})."
    ]
    if arm.multiple is not None and arm.score is not None:
        words.append(f"Chosen: {amount_words(arm.multiple, arm.unit)} with {arm.score:.3f}.")
    if beside.base is not None:
        words.append(f"Baseline: {beside.base:.3f}.")
    if beside.smoothed is not None:
        best = beside.smoothed.best
        at = amount_words(float(beside.smoothed.multiples[best]), arm.unit)
        words.append(f"Smoothed curve: best at {at} with {beside.smoothed.mean[best]:.3f}.")
    if beside.confidence_set:
        words.append(f"{len(beside.confidence_set)} amounts cannot be told from the best.")
    for control, result in beside.controls.items():
        if result.score is not None:
            words.append(f"Control {control}: {result.score:.3f}.")
    if beside.likeness:
        words.append(f"Below: {describe_likeness(arm, beside.likeness)}")
    return " ".join(words)


def describe_likeness(arm: ArmResult, classes: Sequence[Likeness]) -> str:
    """Say in words how alike the images of each class are at the first and the last amount."""
    each = []
    for one in classes:
        measured = np.flatnonzero(np.isfinite(one.synthetic))
        if measured.size:
            ends = [
                f"{one.synthetic[place]:.2f} at {amount_words(float(one.amounts[place]), arm.unit)}"
                for place in measured[[0, -1]]
            ]
            real = f", real images {one.real:.2f}" if np.isfinite(one.real) else ""
            each.append(f"{one.class_name} {' and '.join(ends)}{real}")
    return f"MS-SSIM within class of the added images: {'; '.join(each) or 'not measured'}."


def number_amounts(axes: Axes, amounts: Sequence[float]) -> None:
    """Number an axis of amounts with whole numbers if they are whole."""
    if all(amount.is_integer() for amount in amounts):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def standard_error(entry: HistoryEntry) -> float:
    """Return the standard error of an amount's mean score; NaN with fewer than two scores."""
    scores = [score for score in entry.scores if score is not None]
    if len(scores) < 2:
        return float("nan")
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def _axes(two: bool, n_controls: int) -> tuple[Figure, Axes, Axes | None]:
    height = (5.2 if two else 3.8) + 0.15 * n_controls
    figure = Figure(figsize=(7.2, height), layout="constrained")
    if not two:
        return figure, tidy(figure.add_subplot()), None
    grid = figure.add_gridspec(2, 1, height_ratios=(2.4, 1))
    upper = tidy(figure.add_subplot(grid[0]))
    return figure, upper, tidy(figure.add_subplot(grid[1], sharex=upper))


def _draw_scores(
    axes: Axes, entries: Sequence[HistoryEntry], scores: NDArray[np.float64], name: str
) -> None:
    amounts = [entry.multiple for entry in entries]
    errors = np.array([standard_error(entry) for entry in entries])
    if np.isfinite(errors).any():
        label = "± 1 standard error over trainings"
        lower, upper = scores - errors, scores + errors
        axes.fill_between(amounts, lower, upper, color=CURVE, alpha=0.2, linewidth=0, label=label)
    axes.plot(amounts, scores, "o-", color=CURVE, markersize=4, label=name)


def _draw_smoothed(axes: Axes, smoothed: Smoothed) -> None:
    lower, upper = smoothed.mean - smoothed.sd, smoothed.mean + smoothed.sd
    style: dict[str, Any] = {"color": SMOOTHED, "alpha": 0.15, "linewidth": 0}
    axes.fill_between(smoothed.multiples, lower, upper, **style)
    label = "smoothed (Gaussian process), ± 1 SD"
    axes.plot(smoothed.multiples, smoothed.mean, "--", color=SMOOTHED, label=label)


def _draw_controls(axes: Axes, controls: Mapping[str, ArmResult]) -> None:
    for place, (name, arm) in enumerate(controls.items(), start=1):
        if arm.score is not None and arm.multiple is not None:
            style: dict[str, Any] = {"color": CONTROL, "markerfacecolor": "none", "markersize": 7}
            axes.plot(*(arm.multiple, arm.score, marker(place)), **style, label=control_title(name))


def _mark_rule(
    axes: Axes,
    arm: ArmResult,
    search: SearchOptions | None,
    scores: NDArray[np.float64],
    metric: str,
) -> None:
    band: dict[str, Any] = {"color": GREY, "alpha": 0.13, "linewidth": 0}
    if arm.multiple is None or arm.stopped_at is None:
        return
    if isinstance(search, WindowSearch):
        label = f"no gain since the choice (window {search.window})"
        axes.axvspan(arm.multiple, arm.stopped_at, label=label, **band)
    elif isinstance(search, SaturationSearch):
        sign = get_metric(metric).sign
        best = sign * float(np.nanmax(sign * scores))
        label = f"within {search.tolerance:g} of the best"
        axes.axhspan(best - sign * search.tolerance, best, label=label, **band)
        axes.axvline(arm.multiple, color=CHOSEN, linewidth=0.8, linestyle="--")


def _mark_choice(axes: Axes, arm: ArmResult) -> None:
    if arm.multiple is None or arm.score is None:
        return
    axes.plot(arm.multiple, arm.score, "o", color=CHOSEN, markersize=9, zorder=5)
    left, right = axes.get_xlim()
    far = (arm.multiple - left) / (right - left) > 0.7
    axes.annotate(
        amount_words(arm.multiple, arm.unit),
        (arm.multiple, arm.score),
        xytext=(-6 if far else 6, 8),
        textcoords="offset points",
        horizontalalignment="right" if far else "left",
        color=CHOSEN,
    )


def _mark_set(axes: Axes, amounts: Sequence[float]) -> None:
    """Mark amounts by ticks at the foot of the axes, whatever the scores are."""
    if not amounts:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.07 * (high - low), high)
    axes.plot(
        amounts,
        np.full(len(amounts), 0.025),
        "|",
        color=INK,
        markersize=9,
        markeredgewidth=1.6,
        transform=axes.get_xaxis_transform(),
        label="as good as the best (confidence set)",
    )


def _draw_likeness(axes: Axes, classes: Sequence[Likeness], chosen: float | None) -> None:
    """Draw variety under the scores: one curve per class, its real images as a thin line."""
    names = shortened([one.class_name for one in classes], 22)
    for place, one in enumerate(classes):
        style: dict[str, Any] = {"color": colour(place)}
        dashes = {"linestyle": line_style(place), "marker": marker(place), "markersize": 3}
        axes.plot(one.amounts, one.synthetic, label=names[place], **style, **dashes)
        if np.isfinite(one.real):
            axes.axhline(one.real, linewidth=0.8, linestyle=(0, (1, 2)), **style)
    if chosen is not None:
        axes.axvline(chosen, color=CHOSEN, linewidth=0.8, linestyle=":")
    axes.set_ylabel("MS-SSIM within class\n(dotted: real images)", fontsize=8)
    rows = -(-len(classes) // 4)
    if rows > 1:  # room of its own: there is none between so many lines
        low, high = axes.get_ylim()
        axes.set_ylim(low - 0.25 * rows * (high - low), high)
    axes.legend(
        loc="lower center" if rows > 1 else "best",
        fontsize=7,
        ncols=min(4, len(classes)),
        frameon=False,
    )
