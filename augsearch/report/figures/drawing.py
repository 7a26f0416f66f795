"""What all figures share: empty axes alone or in rows, legends, SVG text with a description."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from html import escape
from itertools import chain

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

from augsearch.report.figures.palette import FRAME, GRID, INK, PAPER
from augsearch.silence import Silence
from augsearch.study.controls import control_kind

_missing_letters = Silence()
WIDTH = 8.2
"""Inches of a figure as wide as the report's text."""

in_style = matplotlib.rc_context(
    # Fixed identifiers: the same result is the same file. A class may be called "$1". Every colour
    # is one of the palette, pure black included, which SVG would leave unsaid.
    {
        **{"svg.hashsalt": "augsearch", "font.size": 9, "text.parse_math": False},
        **{"figure.facecolor": PAPER, "axes.facecolor": "none", "legend.facecolor": PAPER},
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor"), INK),
        **{"ytick.labelcolor": INK, "axes.titlecolor": INK},
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), FRAME),
    }
)
"""Decorates every function that draws."""


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
    axes.grid(color=GRID, linewidth=0.6)
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


def control_title(name: str) -> str:
    """Return what a control arm is called in a figure.

    Example:
        >>> control_title("repeated"), control_title("search (repeat control)")
        ('repeated (control)', 'search (repeat control)')
    """
    return name if control_kind(name) else f"{name} (control)"


def svg(figure: Figure, description: str) -> str:
    """Return the figure as SVG text without a date: equal figures are equal texts.

    Letters are outlines, the same everywhere. If Matplotlib's font lacks one (those of Chinese,
    for instance), the browser writes all of the figure's.

    Args:
        figure: The figure.
        description: What it shows in a sentence or two, with its main numbers, for those who do
            not see it.
    """
    FigureCanvasSVG(figure)
    figure.dpi = 72  # as SVG has it
    buffer = io.StringIO()
    with contextlib.ExitStack() as by_the_browser:
        if not _has_all_letters(figure):
            by_the_browser.enter_context(_missing_letters)
            by_the_browser.enter_context(matplotlib.rc_context({"svg.fonttype": "none"}))
        if layout := figure.get_layout_engine():
            # Matplotlib itself would draw the whole figure twice for the sake of its layout.
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), count=1, flags=re.DOTALL)
    label = escape(" ".join(description.split()), quote=True)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _has_all_letters(figure: Figure) -> bool:
    """Whether Matplotlib's own font has every letter of a figure."""
    ticks = [axis.get_ticklabels() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    texts = [*figure.findobj(Text), *chain.from_iterable(ticks)]
    letters = {ord(letter) for text in texts for letter in text.get_text() if letter != "\n"}
    return letters <= get_font(findfont(FontProperties())).get_charmap().keys()
