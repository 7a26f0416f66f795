"""The numbers of a table: a metric of an arm as it is printed, and as it stands in a CSV."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from augsearch.evaluation.agreement import landis_koch
from augsearch.evaluation.inference.delong import delong_test
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.report.contents import Sample
from augsearch.report.samples import first
from augsearch.seeds import Seed
from augsearch.study.results import finite
from augsearch.study.schema.report import TableOptions

NOTHING = "-"
DELONG = "p (DeLong)"

_TIED = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Value:
    """One value of a table.

    Attributes:
        text: As it is printed.
        numbers: As it stands in the CSV, one for each of the column's `fields`; None: undefined.
    """

    text: str
    numbers: tuple[float | str | None, ...]


def fields(metric: str, options: TableOptions) -> tuple[str, ...]:
    """Return the CSV columns that a metric takes: value, then what `options.value` adds."""
    more = {"mean-sd": ("sd",), "interval": ("low", "high")}.get(options.value, ())
    words = ("words",) if _in_words(metric, options) else ()
    return (metric, *(f"{metric}_{one}" for one in (*more, *words)))


def value_of(
    metric: str, sample: Sample, options: TableOptions, confidence: float, seed: Seed
) -> Value:
    """Return a metric of a sample in the form that the table asks for.

    Args:
        metric: Its name.
        sample: The trainings, and the images they speak of.
        options: The table; `value` and `words` are used.
        confidence: Of an interval.
        seed: Where the bootstrap of an interval has its randomness from.
    """
    scores = (first(sample) if options.value == "first" else sample).scores(metric)
    mean = float(scores.mean())
    spread: tuple[float, ...] = ()
    if options.value == "mean-sd":
        spread = (float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan,)
    elif options.value == "interval":
        said = (sample.labels, sample.probabilities)
        behind = (sample.generators, sample.patients)
        spread = metric_interval(metric, *said, confidence, seed, *behind)[1:]
    text = _text(mean, spread)
    numbers: tuple[float | str | None, ...] = tuple(map(finite, (mean, *spread)))
    if _in_words(metric, options):
        word = landis_koch(mean)
        text += f" ({word})" if text != NOTHING else ""
        numbers += (word,)
    return Value(text, numbers)


def delong_value(base: Sample, sample: Sample) -> Value:
    """Return p of DeLong's test between the first trainings of two arms on the same images."""
    both = [first(one) for one in (base, sample)]
    if any(np.isnan(one.scores("auc")).any() for one in both):
        return Value(NOTHING, (None,))
    p = delong_test(base.labels, *(one.probabilities[0] for one in both)).p_value
    if math.isnan(p):
        return Value(NOTHING, (None,))
    return Value("< 0.001" if p < 0.001 else f"{p:.3f}", (p,))


def _text(mean: float, spread: tuple[float, ...]) -> str:
    if math.isnan(mean):
        return NOTHING
    if not spread or math.isnan(spread[0]):
        return f"{mean:.3f}"
    if len(spread) == 1:
        return f"{mean:.3f}{_TIED}±{_TIED}{spread[0]:.3f}"
    return f"{mean:.3f} ({spread[0]:.3f}{_TIED}to{_TIED}{spread[1]:.3f})"


def _in_words(metric: str, options: TableOptions) -> bool:
    return options.words and metric == "kappa"
