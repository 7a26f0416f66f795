"""All metrics on the tuning set against the size of the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from augsearch.amounts import amount_words
from augsearch.report.contents import TuningOutputs
from augsearch.report.figures.drawing import WIDTH, in_style, is_lowest, panels, svg
from augsearch.report.figures.palette import CHOSEN, CURVE
from augsearch.report.words.sentences import metric_title
from augsearch.study.results import ArmResult

METRICS = ("accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "auc", "kappa")
"""The seven that Kong et al. 2022 draw against the size of the training set, and kappa."""

_COLUMNS = 4


@in_style
def metric_curves(arm: ArmResult, name: str, outputs: Sequence[TuningOutputs]) -> str:
    """Draw metrics on the tuning set against the number of training images, a panel each; SVG.

    Values are means over the cells of an amount, as in Kong et al. 2022; a gap is a metric that is
    undefined in a cell (PPV of a model that never decides for the positive class).
    """
    sizes = [one.n_train for one in outputs]
    figure, places = panels(len(METRICS), _COLUMNS, WIDTH / _COLUMNS, 1.75)
    at_choice = []
    for place, (metric, axes) in enumerate(zip(METRICS, places, strict=True)):
        means = [mean_over_cells(metric, one) for one in outputs]
        axes.plot(sizes, means, "o-", color=CURVE, markersize=2.5, linewidth=1.2)
        for one, mean in zip(outputs, means, strict=True):
            if one.amount == arm.multiple:
                axes.axvline(one.n_train, color=CHOSEN, linewidth=0.8, linestyle="--")
                axes.plot(one.n_train, mean, "s", color=CHOSEN, markersize=6, zorder=5)
                at_choice.append(f"{metric_title(metric)} {mean:.3f}")
        axes.set_title(metric_title(metric), fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(labelsize=7, labelbottom=is_lowest(place, len(METRICS), _COLUMNS))
    words = "" if arm.multiple is None else amount_words(arm.multiple, arm.unit)
    chosen = f"; square: chosen, {words}" if words else ""
    figure.supxlabel(f"images in the training set of arm {name}{chosen}", fontsize=9)
    values = f" At the chosen {words}: {', '.join(at_choice)}." if at_choice else ""
    return svg(
        figure,
        f"Metrics on the tuning set of arm {name} for training sets of {sizes[0]:,.0f} to "
        f"{sizes[-1]:,.0f} images, one panel per metric.{values}",
    )


def mean_over_cells(metric: str, outputs: TuningOutputs) -> float:
    """Return a metric's mean over folds and replicates; NaN if it is undefined in a cell."""
    return float(np.mean([score for fold in outputs.folds for score in fold.scores(metric)]))
