"""What the tuning scores of a search say beyond their maximum: a smooth curve, which K may win."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from augsearch.controller.arms import SearchedArm
from augsearch.controller.preparation import Prepared
from augsearch.evaluation.confidence_set import confidence_set
from augsearch.report.contents import Smoothed
from augsearch.search.rounds import merged
from augsearch.search.smoothing import smoothed_history


def smoothed_curves(searched: Mapping[str, SearchedArm]) -> dict[str, Smoothed]:
    """Return the smoothed curve of every search over multiples that has one."""
    curves = {}
    for name, arm in _searches(searched):
        curve = smoothed_history(arm.found.history)
        if curve is not None and len(curve.at) > 1:
            curves[name] = Smoothed(curve.at, curve.mean, curve.sd)
    return curves


def confidence_sets(
    prepared: Prepared, searched: Mapping[str, SearchedArm]
) -> dict[str, tuple[float, ...]]:
    """Return the multiples of every search that cannot be told from the best, in tuning AUC.

    Only for the AUC on a single fold with as many trainings of every amount: the set's errors are
    those of one set of images.
    """
    if prepared.metric.name != "auc" or len(prepared.split.folds) > 1:
        return {}
    confidence = prepared.study.evaluation.confidence
    found = {}
    for name, arm in _searches(searched):
        entries = merged(arm.found.history)
        scores = [arm.tuning_outputs(entry.multiple)[0] for entry in entries]
        if len({len(one) for one in scores}) == 1 and len(entries) > 1:
            labels = arm.score.folds[0].tune.labels
            seed = prepared.seed.child("confidence set", name)
            kept = confidence_set(labels, np.stack(scores), confidence, seed).kept
            found[name] = tuple(
                entry.multiple for entry, one in zip(entries, kept, strict=True) if one
            )
    return found


def _searches(searched: Mapping[str, SearchedArm]) -> Iterator[tuple[str, SearchedArm]]:
    for name, arm in searched.items():
        if arm.arm.search is not None and arm.arm.unit == "multiple":
            yield name, arm
