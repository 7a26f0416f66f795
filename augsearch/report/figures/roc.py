"""ROC curves: mean and range over the trainings of each arm, and each class against the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from augsearch.evaluation.ranking import roc
from augsearch.report.contents import Outputs
from augsearch.report.figures.drawing import (
    WIDTH,
    canvas,
    in_style,
    is_lowest,
    legend,
    panels,
    shortened,
    svg,
)
from augsearch.report.figures.palette import FRAME, colour, line_style

_FEW = 6
"""Curves whose legend has room inside the axes."""


@in_style
def roc_curves(outputs: Outputs, title: str) -> str:
    """Draw every arm's ROC curve, the mean over its trainings at each false positive rate; SVG.

    The area under the mean curve is the mean AUC. The band goes from the lowest to the highest of
    an arm's trainings at each rate; a single training has none. With more than two classes, curves
    are also averaged over the classes, each against the rest.
    """
    few = len(outputs.probabilities) <= _FEW
    figure, axes = canvas(4.0, 4.0 if few else 4.0 + 0.19 * len(outputs.probabilities))
    _draw(axes, outputs, None)
    axes.set_xlabel("false positive rate (1 - specificity)")
    axes.set_ylabel("true positive rate (sensitivity)")
    axes.set_title(title, fontsize=10)
    if few:
        axes.legend(loc="lower right", fontsize=8, framealpha=0.8, edgecolor="none")
    else:
        legend(figure, axes)
    return svg(figure, f"ROC curves on the {title}. {_areas(outputs, None)}")


@in_style
def roc_of_classes(outputs: Outputs, classes: Mapping[int, str]) -> str:
    """Draw the ROC curves of each class against the rest, a panel per class; SVG.

    Args:
        outputs: What the arms said.
        classes: Label -> name, of classes that have images.
    """
    columns = 3 if len(classes) in (3, 5, 6, 9) else 4
    width = WIDTH / columns
    figure, places = panels(len(classes), columns, width, width)
    for place, (axes, (label, name)) in enumerate(zip(places, classes.items(), strict=True)):
        _draw(axes, outputs, label, with_area=False)
        axes.set_title(shortened([name], 30 if columns == 3 else 22)[0], fontsize=9)
        lowest = is_lowest(place, len(places), columns)
        axes.tick_params(labelsize=7, labelbottom=lowest, labelleft=place % columns == 0)
    figure.supxlabel("false positive rate", fontsize=9)
    figure.supylabel("true positive rate", fontsize=9)
    legend(figure, places[0], above=True)
    each = [f"{name}: {_areas(outputs, label)}" for label, name in classes.items()]
    return svg(figure, f"ROC curves of each class against the rest. {' '.join(each)}")


def _draw(axes: Axes, outputs: Outputs, one: int | None, with_area: bool = True) -> None:
    axes.plot([0, 1], [0, 1], color=FRAME, linewidth=0.8)
    classes = None if one is None else [one]
    for index, (name, values) in enumerate(outputs.probabilities.items()):
        rates, curves = roc_of_runs(outputs.labels, values, classes)
        hits = curves.mean(axis=0)
        area = f", AUC {np.trapezoid(hits, rates):.3f}" if with_area else ""
        style: dict[str, Any] = {"color": colour(index), "linestyle": line_style(index)}
        if len(curves) > 1:
            low, high = curves.min(axis=0), curves.max(axis=0)
            axes.fill_between(rates, low, high, color=colour(index), alpha=0.12, linewidth=0)
        axes.plot(rates, hits, label=f"{name}{area}", linewidth=1.4, **style)
    axes.set_aspect("equal")


def _areas(outputs: Outputs, one: int | None) -> str:
    """Say the area under every arm's mean curve, and the range over its trainings."""
    each = []
    for name, values in outputs.probabilities.items():
        rates, curves = roc_of_runs(outputs.labels, values, None if one is None else [one])
        areas = [float(np.trapezoid(curve, rates)) for curve in curves]
        spread = f" ({min(areas):.3f} to {max(areas):.3f})" if len(areas) > 1 else ""
        each.append(f"{name} AUC {np.mean(areas):.3f}{spread}")
    return f"{', '.join(each)}."


def roc_of_runs(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    classes: Iterable[int] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ROC curve of every training at the same false positive rates.

    Args:
        labels: int64, (N,).
        probabilities: float64, (trainings, N, classes).
        classes: Those to average over, each against the rest; default: the positive one of two,
            all of more.

    Returns:
        False positive rates, (P,), and true positive rates, (trainings, P), every jump as two
        points. Their mean over the trainings is a curve whose area is the mean AUC.
    """
    n_classes = probabilities.shape[2]
    positives = list(classes or ([1] if n_classes == 2 else range(n_classes)))
    # All rates that any curve has a corner at: one per negative image, so few enough.
    corners = np.unique(
        np.concatenate(
            [np.arange(np.sum(labels != one) + 1) / np.sum(labels != one) for one in positives]
        )
    )
    curves = np.array(
        [
            np.mean([_at_corners(*roc(labels == c, run[:, c]), corners) for c in positives], axis=0)
            for run in probabilities
        ]
    )
    start = np.zeros((len(curves), 1))
    return np.r_[0.0, np.repeat(corners, 2)], np.hstack([start, curves])


def _at_corners(
    rates: NDArray[np.float64], hits: NDArray[np.float64], corners: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the curve's value just before and just after each corner, alternating."""
    first = np.searchsorted(rates, corners - 1e-12)
    last = np.searchsorted(rates, corners + 1e-12) - 1
    values = np.interp(corners, rates, hits)
    on_curve = last >= first
    before = np.where(on_curve, hits[np.minimum(first, len(hits) - 1)], values)
    after = np.where(on_curve, hits[last], values)
    return np.stack([before, after], axis=1).ravel()
