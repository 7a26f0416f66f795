"""The report's pictures as SVG text, and galleries of images as PNG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from augsearch.evaluation.ranking import roc
from augsearch.report.contents import Outputs
from augsearch.study.results import ArmResult, HistoryEntry

COLOURS = ("#1f6f8b", "#d1495b", "#8a9a5b", "#edae49", "#6a4c93", "#5c5c5c")


def search_curve(
    arm: ArmResult, name: str, metric: str, window: int, base: float | None = None
) -> str:
    """Draw tuning score against K, with the window and the choice marked; SVG text.

    The band is plus and minus one standard error over the cells of an amount; without at least two
    cells there is none.

    Args:
        arm: A searched arm.
        name: Its name.
        metric: What the score is.
        window: Of the rule.
        base: Tuning score of the baseline, drawn as a line.
    """
    figure, axes = _canvas(7.2, 3.8)
    entries = [entry for entry in arm.history if entry.score is not None]
    multiples = [entry.multiple for entry in entries]
    scores = np.array([entry.score for entry in entries], dtype=float)
    errors = np.array([_standard_error(entry) for entry in entries])
    if np.isfinite(errors).any():
        axes.fill_between(
            multiples,
            scores - errors,
            scores + errors,
            color=COLOURS[0],
            alpha=0.2,
            linewidth=0,
            label="± 1 standard error over trainings",
        )
    axes.plot(multiples, scores, "o-", color=COLOURS[0], markersize=4, label=name)
    if base is not None:
        axes.axhline(base, color=COLOURS[5], linestyle=":", label="baseline")
    if arm.multiple is not None and arm.score is not None and arm.stopped_at is not None:
        axes.axvspan(
            arm.multiple,
            arm.stopped_at,
            color="#000000",
            alpha=0.05,
            linewidth=0,
            label=f"no gain since the choice (window {window})",
        )
        axes.plot(arm.multiple, arm.score, "o", color=COLOURS[1], markersize=9, zorder=5)
        axes.annotate(
            f"K = {arm.multiple:g}",
            (arm.multiple, arm.score),
            xytext=(6, 8),
            textcoords="offset points",
            color=COLOURS[1],
        )
    axes.set_xlabel("K, size of the training set over the base size")
    axes.set_ylabel(f"{metric} on the tuning set")
    if all(multiple.is_integer() for multiple in multiples):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return _svg(figure)


def roc_curves(outputs: Outputs, title: str) -> str:
    """Draw every arm's ROC curve, the mean over its trainings at each false positive rate; SVG.

    The area under the mean curve is the mean AUC. With more than two classes, curves are also
    averaged over the classes, each against the rest.
    """
    figure, axes = _canvas(4.4, 4.0)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    for index, (name, values) in enumerate(outputs.probabilities.items()):
        rates, hits = mean_roc(outputs.labels, values)
        area = np.trapezoid(hits, rates)
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(rates, hits, color=colour, label=f"{name}, AUC {area:.3f}")
    axes.set_xlabel("false positive rate (1 - specificity)")
    axes.set_ylabel("true positive rate (sensitivity)")
    axes.set_title(title, fontsize=10)
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8, framealpha=0.8, edgecolor="none")
    return _svg(figure)


def mean_roc(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average ROC curves over trainings (and classes) at fixed false positive rates.

    Args:
        labels: int64, (N,).
        probabilities: float64, (trainings, N, classes).

    Returns:
        False positive rates and mean true positive rates, every jump as two points.
    """
    n_classes = probabilities.shape[2]
    positives = [1] if n_classes == 2 else range(n_classes)
    # All rates that any curve has a corner at: one per negative image, so few enough.
    corners = np.unique(
        np.concatenate(
            [np.arange(np.sum(labels != one) + 1) / np.sum(labels != one) for one in positives]
        )
    )
    rates = np.repeat(corners, 2)
    curves = [
        _at_corners(*roc(labels == one, run[:, one]), corners)
        for run in probabilities
        for one in positives
    ]
    return np.r_[0.0, rates], np.r_[0.0, np.mean(curves, axis=0)]


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


def gallery_png(pixels: NDArray[np.uint8], scale_to: int = 72) -> str:
    """Return images side by side as a PNG data URI, enlarged by whole factors.

    Args:
        pixels: uint8, (N, H, W, C).
        scale_to: Enlarge small images to at least about this many pixels.
    """
    factor = max(1, round(scale_to / pixels.shape[1]))
    large = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    padded = np.pad(large, ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=255)
    strip = np.concatenate(list(padded), axis=1)
    picture = Image.fromarray(strip[..., 0] if strip.shape[2] == 1 else strip)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def all_figures(
    arms: Mapping[str, ArmResult],
    windows: Mapping[str, int],
    metric: str,
    baseline: str,
    test: Outputs,
    external: Outputs | None,
) -> dict[str, str]:
    """Return every figure of a report, file stem -> SVG text."""
    base = arms[baseline].score if baseline in arms else None
    figures = {
        f"search-{name}": search_curve(arms[name], name, metric, window, base)
        for name, window in windows.items()
    }
    if test.probabilities:
        figures["roc-test"] = roc_curves(test, "test set")
    if external is not None and external.probabilities:
        figures["roc-external"] = roc_curves(external, "external test set")
    return figures


def _standard_error(entry: HistoryEntry) -> float:
    scores = [score for score in entry.scores if score is not None]
    if len(scores) < 2:
        return float("nan")
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    # Fixed identifiers and no date: the same result is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "augsearch", "font.size": 9}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), count=1, flags=re.DOTALL)
