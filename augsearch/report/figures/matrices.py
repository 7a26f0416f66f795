"""Confusion matrices, one panel per arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from augsearch.report.figures.drawing import WIDTH, in_style, panels, shortened, svg
from augsearch.report.figures.palette import GRID, INK

_SHADE = (0.13, 0.4, 0.67)
_ON_SHADE = "#fdfdfd"  # on a dark page too, so not the page's own white


@in_style
def confusion_matrices(matrices: Mapping[str, NDArray[np.float64]], classes: Sequence[str]) -> str:
    """Draw counts with the share of each true class as the shade, 0 none to 1 full; SVG text.

    Args:
        matrices: Arm -> counts, float64, (C, C), row = true class, column = decided class.
        classes: Their names.
    """
    columns = 4 if len(classes) <= 3 else 3 if len(classes) <= 6 else 2
    columns = min(columns, max(len(matrices), 2))
    width = WIDTH / max(columns, 3 if len(classes) <= 6 else 2)
    longest = min(14, max(map(len, classes)))
    figure, places = panels(len(matrices), columns, width, width * 0.9 + 0.045 * longest)
    names = shortened(classes, 14)
    for place, (axes, (arm, counts)) in enumerate(zip(places, matrices.items(), strict=True)):
        _draw(axes, counts)
        axes.set_title(shortened([arm], 34)[0], fontsize=9)
        ticks = np.arange(len(classes)) + 0.5
        slanted = len(classes) * longest > 18
        axes.set_xticks(
            ticks,
            names,
            rotation=45 if slanted else 0,
            ha="right" if slanted else "center",
            rotation_mode="anchor" if slanted else "default",
        )
        axes.set_yticks(ticks, names if place % columns == 0 else [])
        axes.tick_params(length=0, labelsize=7)
    figure.supxlabel("decided class", fontsize=9)
    figure.supylabel("true class", fontsize=9)
    right = [
        f"{arm} {np.trace(counts):.1f} of {counts.sum():.0f}" for arm, counts in matrices.items()
    ]
    return svg(
        figure,
        f"Confusion matrices, one panel per arm, classes {', '.join(classes)}. Decided rightly: "
        f"{'; '.join(right)}.",
    )


def _draw(axes: Axes, counts: NDArray[np.float64]) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    axes.grid(False)
    axes.set_xlim(0, len(counts))
    axes.set_ylim(len(counts), 0)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    size = 9 if len(counts) <= 4 else 7 if len(counts) <= 7 else 6
    for (row, column), count in np.ndenumerate(counts):
        share = float(shares[row, column])
        shade = (*_SHADE, share)
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=shade, edgecolor=GRID))
        axes.text(
            column + 0.5,
            row + 0.5,
            count_text(count),
            ha="center",
            va="center",
            fontsize=size,
            color=_ON_SHADE if share > 0.55 else INK,
        )


def count_text(count: float) -> str:
    """Write a mean count in few characters: whole if it is, or from 100 on.

    Example:
        >>> count_text(12.0), count_text(12.34), count_text(123.4)
        ('12', '12.3', '123')
    """
    return f"{count:.0f}" if count >= 99.95 or float(count).is_integer() else f"{count:.1f}"
