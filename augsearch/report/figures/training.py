"""Training curves: losses and accuracies after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from augsearch.report.figures.drawing import (
    WIDTH,
    in_style,
    is_lowest,
    legend,
    panels,
    shortened,
    svg,
)
from augsearch.report.figures.palette import colour, line_style

Curves = Mapping[str, Sequence[float]]


@in_style
def training_curves(curves: Mapping[str, Curves], quantity: str) -> str:
    """Draw one quantity of every arm's first test training, a panel per arm; SVG text.

    Args:
        curves: Arm -> curve name ("training loss") -> value after each epoch.
        quantity: Last word of the curves to draw ("loss").
    """
    arms = {arm: of_quantity(one, quantity) for arm, one in curves.items()}
    arms = {arm: one for arm, one in arms.items() if one}
    parts = list(dict.fromkeys(part for one in arms.values() for part in one))
    columns = min(len(arms), 4)
    figure, places = panels(len(arms), columns, WIDTH / max(columns, 2), 2.1)
    fullest = places[0]
    for place, (axes, (arm, lines)) in enumerate(zip(places, arms.items(), strict=True)):
        for part, values in lines.items():
            number = parts.index(part)
            style: dict[str, Any] = {"color": colour(number), "linestyle": line_style(number)}
            dot = "o" if len(values) == 1 else ""
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, label=part, marker=dot, linewidth=1.2, **style)
        if lines.keys() >= set(parts):
            fullest = axes
        axes.set_title(shortened([arm], 28)[0], fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.tick_params(labelsize=7)
        if is_lowest(place, len(arms), columns):
            axes.set_xlabel("epoch", fontsize=8)
    figure.supylabel(quantity, fontsize=9)
    if len(parts) > 1:
        legend(figure, fullest)
    return svg(figure, _description(arms, quantity))


def _description(arms: Mapping[str, Curves], quantity: str) -> str:
    ends = [
        f"{arm}, {part}: {values[0]:.3g} to {values[-1]:.3g} in {len(values)} epochs"
        for arm, one in arms.items()
        for part, values in one.items()
    ]
    return f"{quantity.capitalize()} after each epoch, one panel per arm. {'; '.join(ends)}."


def quantities(curves: Mapping[str, Curves]) -> tuple[str, ...]:
    """Return what the curves show: the last words of their names, in order of first use."""
    names = (name for one in curves.values() for name, values in one.items() if len(values))
    return tuple(dict.fromkeys(name.rpartition(" ")[2] for name in names))


def of_quantity(curves: Curves, quantity: str) -> dict[str, Sequence[float]]:
    """Return the curves of one quantity by what they are of ("training", "tuning").

    Example:
        >>> of_quantity({"training loss": [2.0], "accuracy": [0.5]}, "loss")
        {'training': [2.0]}
    """
    split = {name: name.rpartition(" ") for name in curves}
    return {
        split[name][0] or "training": values
        for name, values in curves.items()
        if split[name][2] == quantity and len(values)
    }
