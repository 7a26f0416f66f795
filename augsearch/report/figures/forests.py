"""Forest plots: gains over the baseline with their intervals, an arm per row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from augsearch.report.figures.drawing import WIDTH, control_title, in_style, panels, shortened, svg
from augsearch.report.figures.palette import CHOSEN, CURVE, FRAME, GREY
from augsearch.report.words.sentences import metric_title, with_interval
from augsearch.study.results import Interval

Gains = Mapping[str, Interval]


@in_style
def gain_forest(
    gains: Mapping[str, Gains],
    arms: Collection[str],
    declared: Collection[str],
    controls: Collection[str],
    levels: Sequence[float],
    images: str = "test set",
) -> str:
    """Draw the gains of every arm, a panel per endpoint; SVG text.

    Args:
        gains: Endpoint ("auc") -> arm -> gain over the baseline and its interval.
        arms: The rows, from above.
        declared: Arms that a verdict is about, drawn as squares.
        controls: Arms that are controls, drawn hollow.
        levels: Confidence of the intervals, between 0 and 1; several if they differ.
        images: Which images the gains speak of.
    """
    columns = 2 if len(gains) == 4 else min(len(gains), 3)
    width = WIDTH / max(columns, 1) if columns > 1 else 6.4
    figure, places = panels(len(gains), columns, width, 0.75 + 0.34 * len(arms))
    names = [control_title(name) if name in controls else name for name in arms]
    for place, (axes, (endpoint, values)) in enumerate(zip(places, gains.items(), strict=True)):
        axes.axvline(0, color=FRAME, linewidth=1)
        for row, name in enumerate(arms):
            _draw(axes, row, values.get(name), name in declared, name in controls)
        axes.set_ylim(len(arms) - 0.5, -0.5)
        labels = shortened(names, 24 if columns > 1 else 38)
        if place % columns:
            labels = [""] * len(names)
        axes.set_yticks(range(len(arms)), labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator({1: 8, 2: 5}.get(columns, 3)))
        axes.set_title(fill(f"gain in {metric_title(endpoint)}", 26), fontsize=9)
        if len(gains) == 1:
            _write_values(axes, [values.get(name) for name in arms])
    level = " or ".join(f"{one * 100:g} %" for one in levels)
    where = f"over the baseline on the {images}"
    figure.supxlabel(f"gain {where}, {level} intervals", fontsize=9)
    about = f"Gains {where} with {level} intervals."
    return svg(figure, f"{about} {_description(gains, arms, controls)}")


def _draw(axes: Axes, row: int, gain: Interval | None, declared: bool, control: bool) -> None:
    if gain is None or gain.value is None:
        return
    colour = CHOSEN if declared else GREY if control else CURVE
    if gain.low is not None and gain.high is not None:
        axes.plot([gain.low, gain.high], [row, row], color=colour, linewidth=1.8)
    shape: dict[str, Any] = {"markerfacecolor": "none"} if control else {}
    axes.plot(gain.value, row, "s" if declared else "o", color=colour, markersize=7, **shape)


def _write_values(axes: Axes, values: list[Interval | None]) -> None:
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(range(len(values)), [with_interval(value, sign=True) for value in values])
    right.tick_params(axis="y", length=0)
    right.spines[:].set_visible(False)


def _description(
    gains: Mapping[str, Gains], arms: Collection[str], controls: Collection[str]
) -> str:
    words = []
    for endpoint, values in gains.items():
        each = [
            f"{control_title(name) if name in controls else name} "
            f"{with_interval(values.get(name), sign=True)}"
            for name in arms
        ]
        words.append(f"{metric_title(endpoint)}: {'; '.join(each)}.")
    return " ".join(words)
