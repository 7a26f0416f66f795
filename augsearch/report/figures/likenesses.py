"""How alike the images of a class are (MS-SSIM), along the amounts of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from augsearch.amounts import amount_axis
from augsearch.report.contents import Likeness
from augsearch.report.figures.drawing import (
    WIDTH,
    in_style,
    is_lowest,
    legend,
    panels,
    shortened,
    svg,
)
from augsearch.report.figures.palette import CHOSEN, CURVE, GREY
from augsearch.report.figures.search_curves import describe_likeness
from augsearch.study.results import ArmResult


@in_style
def likeness_curves(arm: ArmResult, classes: Sequence[Likeness]) -> str:
    """Draw MS-SSIM of added images against the amount, a panel per class; SVG text.

    The dashed line is that of real images. A set that is more alike than they are lacks variety.
    """
    columns = min(4, len(classes))
    figure, places = panels(len(classes), columns, WIDTH / max(columns, 3), 2.0)
    for place, (axes, one) in enumerate(zip(places, classes, strict=True)):
        style: dict[str, Any] = {"color": CURVE, "markersize": 3, "linewidth": 1.2}
        axes.plot(one.amounts, one.synthetic, "o-", label="added images", **style)
        if np.isfinite(one.real):
            axes.axhline(one.real, color=GREY, linestyle="--", label="real images")
        if arm.multiple is not None:
            axes.axvline(
                arm.multiple, color=CHOSEN, linewidth=0.8, linestyle=":", label="chosen amount"
            )
        axes.set_title(shortened([one.class_name], 22)[0], fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(labelsize=7, labelbottom=is_lowest(place, len(classes), columns))
        axes.set_ylim(0, 1)
    figure.supxlabel(amount_axis(arm.unit), fontsize=9)
    figure.supylabel("MS-SSIM within class", fontsize=9)
    legend(figure, places[0], above=True)
    return svg(figure, describe_likeness(arm, classes))
