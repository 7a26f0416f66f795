"""What the tuning scores of a search say beyond their maximum: a smooth curve, which K may win."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.preparation import Prepared
from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import auc_influence
from augsearch.report.contents import Smoothed
from augsearch.search.rounds import merged
from augsearch.search.rules.registry import chooses_smoothed
from augsearch.search.smoothing import LUCK_VARIANCE, best_place, smoothed_history


def smoothed_curves(prepared: Prepared, searched: Mapping[str, SearchedArm]) -> dict[str, Smoothed]:
    """Return the smoothed curve of every search over multiples that has one.

    The curve of a rule that itself chooses the best of one is the curve that it chose from.
    """
    curves = {}
    for name, arm in _searches(searched):
        noise = None if chooses_smoothed(arm.arm.search) else known_noise(prepared, arm)
        curve = smoothed_history(arm.found.history, noise)
        if curve is not None and len(curve.at) > 1:
            best = best_place(curve, prepared.direction)
            curves[name] = Smoothed(curve.at, curve.mean, curve.sd, best, noise)
    return curves


def known_noise(prepared: Prepared, arm: SearchedArm) -> float | None:
    """Return the variance of a single tuning AUC around what its amount is worth.

    Half the mean paired DeLong variance of neighbouring amounts, over the folds, + 0.01².

    Returns:
        The variance; None if replicates say it, if the metric is not the AUC, or if DeLong's
        variance is known of no two amounts.
    """
    if prepared.metric.name != "auc" or arm.score.replicates > 1:
        return None
    entries = merged(arm.found.history)
    outputs = [arm.tuning_outputs(one.multiple) for one in entries if math.isfinite(one.score)]
    variances = []
    for number, fold in enumerate(arm.score.folds):
        first = np.array([one[number][0] for one in outputs])  # (amounts, N, n_classes)
        if len(first) > 1:
            tune = fold.tune
            steps = np.diff(auc_influence(tune.labels, first, tune.patients)[1], axis=0)
            variances += (steps**2).sum(axis=1).tolist()
    known = [one for one in variances if math.isfinite(one)]
    return 0.5 * float(np.mean(known)) + LUCK_VARIANCE if known else None


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
        comparable = len({len(one) for one in scores}) == 1 and len(entries) > 1
        if comparable and any(math.isfinite(entry.score) for entry in entries):
            tune = arm.score.folds[0].tune
            seed = prepared.seed.child("confidence set", name)
            kept = confidence_set(
                tune.labels, np.stack(scores), confidence, seed, patients=tune.patients
            ).kept
            found[name] = tuple(
                entry.multiple for entry, one in zip(entries, kept, strict=True) if one
            )
    return found


def _searches(searched: Mapping[str, SearchedArm]) -> Iterator[tuple[str, SearchedArm]]:
    for name, arm in searched.items():
        if arm.arm.search is not None and arm.arm.unit == "multiple":
            yield name, arm
