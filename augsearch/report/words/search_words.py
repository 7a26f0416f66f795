"""What the report says of searches: how each one went, and how far its score is to be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from augsearch.amounts import amount_words
from augsearch.evaluation.inference.delong import auc_influence, variance_of
from augsearch.report.contents import ReportContents
from augsearch.report.samples import chosen_outputs
from augsearch.report.words.sentences import many, metric_title
from augsearch.search.rules.registry import chooses_smoothed
from augsearch.study.results import ArmResult
from augsearch.study.schema.arms import (
    HalvingSearch,
    SaturationSearch,
    SearchOptions,
    TpeSearch,
    WindowSearch,
)

RULE_MARKS = {
    "sliding-window": " [@kong2022]",
    "saturation": " [@fridadar2018]",
    "halving": " [@jamieson2016,@rasmussen2006]",
    "tpe": " [@bergstra2011,@akiba2019]",
}
"""The works that a rule is from, as `report.references.cited` reads them."""

_REASONS = {
    "window": "no gain within the window",
    "max_multiple": "the largest amount allowed was reached",
    "all_amounts": "all amounts were tried",
    "all_rounds": "all rounds were done",
    "trials": "all trials were done",
    "no_finite_score": "no score was finite",
}
_BEST = "is the best of many and therefore optimistic"
_WITHIN = "lies within the tolerance of the best of many and is optimistic, too"
_SMOOTHED = "is the mean of the smoothed curve, which the choice hardly flatters"


def score_caption(contents: ReportContents) -> str:
    """Say how amounts were chosen, and what that makes of their tuning scores.

    Returns:
        A few sentences; empty if no arm was searched.
    """
    if not contents.searches:
        return ""
    declared = " and declared before the test set was opened" if contents.test.probabilities else ""
    sentences = [f"The amount of a searched arm was chosen on the tuning set{declared}."]
    arms: dict[str, list[str]] = {}
    for name, search in contents.searches.items():
        if len(contents.result.arms[name].history) > 1:
            arms.setdefault(_worth(search), []).append(name)
    sentences += [f"The tuning score of {_arms(names)} {words}." for words, names in arms.items()]
    return " ".join(sentences)


def search_caption(contents: ReportContents, name: str) -> str:
    """Say what an arm's search tried, by which rule, why it ended, and what smoothing makes of it.

    Args:
        contents: What the report is made of.
        name: A searched arm.
    """
    arm = contents.result.arms[name]
    words = [contents.recipes[name], _tried(arm), f"rule: {rule_words(contents.searches[name])}"]
    if arm.reason:
        words.append(f"ended: {_REASONS.get(arm.reason, arm.reason)}")
    said = "; ".join(words) + "." + _smoothed(contents, name)
    return said + _set_of_best(contents, name) + _over_images(contents, name)


def rule_words(search: SearchOptions) -> str:
    """Name a search's rule.

    Example:
        >>> rule_words(WindowSearch(source="acgan", window=6))
        'sliding window of 6'
    """
    match search:
        case WindowSearch():
            return f"sliding window of {search.window}"
        case SaturationSearch():
            return f"saturation: the smallest amount within {search.tolerance:g} of the best"
        case HalvingSearch():
            return f"successive halving up to {search.max_multiple:g}, smoothed over log K"
        case TpeSearch():
            return f"TPE, {search.trials} trials up to {search.max_multiple:g}, smoothed over log K"
        case _:
            return "sweep: the best of all amounts"


def _set_of_best(contents: ReportContents, name: str) -> str:
    kept = contents.confidence_sets.get(name, ())
    if not kept:
        return ""
    amounts = ", ".join(f"{amount:g}" for amount in kept)
    return (
        f" The tuning images cannot tell K = {amounts} from the best "
        f"({contents.level} confidence set)."
    )


def _worth(search: SearchOptions) -> str:
    if chooses_smoothed(search):
        return _SMOOTHED
    return _WITHIN if isinstance(search, SaturationSearch) else _BEST


def _arms(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"arm {names[0]}"
    return f"each of arms {', '.join(names[:-1])} and {names[-1]}"


def _tried(arm: ArmResult) -> str:
    amounts = [entry.multiple for entry in arm.history]
    ends = dict.fromkeys(amount_words(one, arm.unit) for one in (min(amounts), max(amounts)))
    trainings = sum(len(entry.scores) for entry in arm.history)
    count, times = many(len(amounts), "amount"), many(trainings, "training")
    return f"{count}, {' to '.join(ends)}, in {times}"


def _over_images(contents: ReportContents, name: str) -> str:
    """Say how far other tuning images could have moved the AUC, which no band of a curve shows."""
    chosen = chosen_outputs(contents, name)
    if contents.metric != "auc" or chosen is None:
        return ""
    variances = [
        variance_of(auc_influence(one.labels, one.probabilities, one.patients)[1].mean(axis=0))
        for one in chosen.folds
    ]
    error = math.sqrt(sum(variances)) / len(variances)
    if not error > 0:
        return ""
    count = sum(len(one.labels) for one in chosen.folds)
    return (
        f" Over images, the AUC of {count:,} tuning images has a standard error of {error:.3f} at "
        "the chosen amount, which the bands do not show."
    )


def _smoothed(contents: ReportContents, name: str) -> str:
    curve = contents.smoothed.get(name)
    if curve is None:
        return ""
    at = amount_words(float(curve.multiples[curve.best]), contents.result.arms[name].unit)
    chosen = ", which is the choice" if chooses_smoothed(contents.searches.get(name)) else ""
    mean, sd = float(curve.mean[curve.best]), float(curve.sd[curve.best])
    # Down to the SD's first digit: "± 0.000" would claim that there is none.
    decimals = max(3, -math.floor(math.log10(sd))) if sd > 0 else 3
    score = f"{mean:.{decimals}f} ± {sd:.{decimals}f}"
    return (
        f" Smoothed over log K by a Gaussian process, the curve is best at {at}{chosen}: "
        f"{metric_title(contents.metric)} {score} (posterior mean and standard deviation, of the "
        "curve on these tuning images)."
    )
