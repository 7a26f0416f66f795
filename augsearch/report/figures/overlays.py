"""Curves of several runs over each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from augsearch.amounts import Unit, amount_axis, amount_words
from augsearch.report.figures.drawing import canvas, in_style, legend, svg
from augsearch.report.figures.palette import PAPER, colour, line_style, marker
from augsearch.report.figures.search_curves import number_amounts, standard_error
from augsearch.report.words.sentences import metric_title
from augsearch.study.results import ArmResult


@in_style
def overlaid_curves(arms: Mapping[str, ArmResult], metric: str, unit: Unit) -> str:
    """Draw the tuning scores of several searches against the amount; SVG text.

    Bands are plus and minus one standard error over trainings. The large marker is the choice.

    Args:
        arms: Name in the legend -> a searched arm; the amounts of all count the same.
        metric: What all scores are.
        unit: What the amounts count.
    """
    figure, axes = canvas(7.2, 4.2)
    words = []
    for place, (name, arm) in enumerate(arms.items()):
        entries = [entry for entry in arm.history if entry.score is not None]
        amounts = [entry.multiple for entry in entries]
        scores = np.array([entry.score for entry in entries], dtype=float)
        errors = np.array([standard_error(entry) for entry in entries])
        style: dict[str, Any] = {"color": colour(place)}
        if np.isfinite(errors).any():
            low, high = scores - errors, scores + errors
            axes.fill_between(amounts, low, high, alpha=0.12, linewidth=0, **style)
        dashes: dict[str, Any] = {"linestyle": line_style(place), "marker": marker(place)}
        axes.plot(amounts, scores, label=name, markersize=3, **dashes, **style)
        if arm.multiple is not None and arm.score is not None:
            edge: dict[str, Any] = {"markeredgecolor": PAPER, "zorder": 5}
            axes.plot(arm.multiple, arm.score, marker(place), markersize=9, **edge, **style)
            words.append(f"{name}: {arm.score:.3f} at {amount_words(arm.multiple, unit)}")
    axes.set_xlabel(amount_axis(unit))
    axes.set_ylabel(f"{metric_title(metric)} on the tuning set")
    number_amounts(axes, [entry.multiple for arm in arms.values() for entry in arm.history])
    legend(figure, axes)
    return svg(
        figure,
        f"{metric_title(metric)} on the tuning set against the amount, {len(arms)} searches over "
        f"each other. Chosen: {'; '.join(words) or 'nothing'}.",
    )
