"""What all figures share: colours, empty axes alone or in rows, legends, SVG text."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = (
    *("#1f6f8b", "#d1495b", "#8a9a5b", "#edae49", "#6a4c93"),
    *("#5c5c5c", "#4fa3d1", "#a05a2c", "#e58fb1", "#2e7d5b"),
)
GREY = "#8c8c8c"
WIDTH = 8.2
"""Inches of a figure as wide as the report's text."""

in_style = matplotlib.rc_context(
    # Fixed identifiers: the same result is the same file. A class may be called "$1".
    {"svg.hashsalt": "augsearch", "font.size": 9, "text.parse_math": False}
)
"""Decorates every function that draws."""


def colour(index: int) -> str:
    """Return the colour of the arm, class or curve number `index`."""
    return COLOURS[index % len(COLOURS)]


def line_style(index: int) -> str:
    """Return the style of line number `index`: another one when the colours begin again."""
    return ("-", "--", ":")[index // len(COLOURS) % 3]


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of one set of axes; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, tidy(figure.add_subplot())


def panels(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` axes in rows of `columns`; sizes of one of them in inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    return figure, [tidy(figure.add_subplot(rows, columns, 1 + place)) for place in range(count)]


def is_lowest(place: int, count: int, columns: int) -> bool:
    """Whether no panel lies below panel number `place`."""
    return place + columns >= count


def tidy(axes: Axes) -> Axes:
    """Give axes a light grid and no frame on top and right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def legend(figure: Figure, source: Axes, above: bool = False) -> None:
    """Put the legend of `source` below (or above) the whole figure, in as many columns as fit.

    A figure with a label of its own below all panels needs it above.
    """
    handles, labels = source.get_legend_handles_labels()
    if not handles:
        return
    longest = max(len(label) for label in labels)
    fitting = int(figure.get_figwidth() * 14 / (longest + 7))
    figure.legend(
        handles,
        labels,
        loc="outside upper center" if above else "outside lower center",
        ncols=max(1, min(fitting, len(labels))),
        fontsize=8,
        frameon=False,
        markerscale=1.5,
    )


def shortened(texts: Sequence[str], length: int) -> list[str]:
    """Cut texts to `length` characters out of their middle: names often differ at their end.

    Example:
        >>> shortened(["effusion", "grade of disease 3"], 10)
        ['effusion', 'grade …e 3']
    """
    tail = length // 3
    head = length - 1 - tail
    return [text if len(text) <= length else f"{text[:head]}…{text[-tail:]}" for text in texts]


def svg(figure: Figure) -> str:
    """Return the figure as SVG text without a date: equal figures are equal texts."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), count=1, flags=re.DOTALL)
