"""The smoothed curve, and the noise it is told, against plain loops over images."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from augsearch.controller.outcome.curves import confidence_sets, smoothed_curves
from augsearch.controller.outcome.results import study_result
from augsearch.controller.stages.answer import Outcome
from augsearch.controller.stages.generator_replicates import Generations
from augsearch.records import Evaluation
from augsearch.search import merged, smoothed_optimum

K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
SOURCES = {"classic": {"kind": "classic"}}
SWEEP = {"search": {"source": "classic", "rule": "sweep", "multiples": [1, 2, 4]}}
WINDOW = {"search": {"source": "classic", "window": 2}}
ONCE = {"replicates": 1, "test_replicates": 3}


def paired_variance(labels, patients, one, other):
    """DeLong's variance of the difference of two AUCs, pair by pair; Obuchowski's of patients."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)

    def wins(scores, i, j):
        return (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])

    placed = [
        np.array([[wins(scores, i, j) for j in negative] for i in positive])
        for scores in (one, other)
    ]
    difference = placed[0] - placed[1]
    sides = ((positive, difference.mean(axis=1)), (negative, difference.mean(axis=0)))
    variance = 0
    for images, values in sides:
        own = patients[images]
        sums = [(values - values.mean())[own == one].sum() for one in set(own)]
        variance += len(sums) / (len(sums) - 1) * np.square(sums).sum() / len(images) ** 2
    return variance


@pytest.fixture
def curves_of(ready, search):
    """Give an arm -> the world, the arm, and its smoothed curve."""

    def run(arm, **changes):
        given = {"split": K_FOLD, "sources": SOURCES, "evaluation": ONCE} | changes
        world = ready(arms={"real": {}, "arm": arm}, **given)
        searched = search(world, "real", "arm")
        curves = smoothed_curves(world.prepared, searched)
        assert "real" not in curves
        return world, searched["arm"], curves.get("arm")

    return run


@pytest.mark.parametrize("arm", [SWEEP, WINDOW])
def test_single_trainings_are_told_half_of_delongs_variance_of_neighbours(curves_of, arm):
    world, found, curve = curves_of(arm)
    entries = merged(found.found.history)
    outputs = [found.tuning_outputs(entry.multiple) for entry in entries]
    variances = [
        paired_variance(tune.labels, tune.patients, one[number][0, :, 1], other[number][0, :, 1])
        for number, tune in enumerate(fold.tune for fold in world.folds)
        for one, other in pairwise(outputs)
    ]
    assert len(variances) == 2 * (len(entries) - 1)
    assert max(variances) > 1e-4
    assert curve.noise == pytest.approx(np.mean(variances) / 2 + 0.01**2)
    best = smoothed_optimum(found.found.history, curve.noise)
    assert curve.multiples[curve.best] == best.multiple
    assert (curve.mean[curve.best], curve.sd[curve.best]) == (best.mean, best.sd)


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": {"replicates": 2, "test_replicates": 3}},
        {"evaluation": ONCE | {"metric": "kappa"}},
    ],
)
def test_replicates_and_other_metrics_speak_for_themselves(curves_of, changes):
    _, found, curve = curves_of(SWEEP, **changes)
    assert curve.noise is None
    best = smoothed_optimum(found.found.history)
    assert (curve.multiples[curve.best], curve.mean[curve.best]) == (best.multiple, best.mean)


@pytest.mark.parametrize(
    "rule",
    [{"rule": "halving", "max_multiple": 4}, {"rule": "tpe", "max_multiple": 4, "trials": 6}],
)
def test_a_rule_that_smooths_has_chosen_the_best_of_the_curve(curves_of, rule):
    _, found, curve = curves_of({"search": {"source": "classic"} | rule})
    assert curve.noise is None
    assert curve.multiples[curve.best] == found.multiple
    assert curve.mean[curve.best] == found.found.score


@pytest.mark.parametrize("amounts", [{"added": [4, 8, 16]}, {"multiples": [2]}])
def test_counts_of_images_and_single_amounts_have_no_curve(curves_of, amounts):
    assert curves_of({"search": {"source": "classic", "rule": "sweep"} | amounts})[2] is None


def test_results_say_what_the_report_shows(curves_of):
    world, found, curve = curves_of(SWEEP)
    result = study_result(
        world.directory,
        world.prepared,
        {"arm": found},
        Outcome({}, {}, None),
        None,
        {"arm": curve},
        Generations([found.score.folds]),
    )
    smoothed = result.arms["arm"].smoothed
    assert (smoothed.multiple, smoothed.mean) == (curve.multiples[curve.best], curve.mean.max())
    assert (smoothed.sd, smoothed.noise) == (curve.sd[curve.best], curve.noise)


def test_amounts_are_compared_if_any_of_them_has_a_score(ready, search, monkeypatch):
    world = ready(arms={"real": {}, "arm": WINDOW}, sources=SOURCES)
    arm = search(world, "real", "arm")["arm"]
    assert arm.multiple in confidence_sets(world.prepared, {"arm": arm})["arm"]

    none = [Evaluation.of(one.multiple, [np.nan] * 2) for one in arm.found.history]
    found = replace(arm.found, multiple=None, score=None, history=tuple(none))
    monkeypatch.setattr(type(arm), "tuning_outputs", lambda *_: [np.full((2, 18, 2), np.nan)])
    assert confidence_sets(world.prepared, {"arm": replace(arm, found=found)}) == {}
