"""The end of a run without a test set: the choice is judged on the tuning images that made it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from augsearch.controller.stages.answer import (
    Declaration,
    Outcome,
    answer_of,
    other_classifier,
    recipe_of,
)
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.preparation import Prepared
from augsearch.evaluation.inference.max_t import MaxT, max_t
from augsearch.evaluation.inference.verdict import NOTHING_TO_GAIN, Verdict
from augsearch.execution.cells import Floats
from augsearch.records import Portion
from augsearch.search.rounds import merged

Recipes = tuple[object, ...]
"""What decides the trainings of an arm at an amount (`recipe_of`)."""


def judge_on_tuning_set(
    declaration: Declaration, searched: Mapping[str, SearchedArm], prepared: Prepared
) -> Outcome:
    """Compare every chosen amount with the baseline on the tuning set, all that was tried in mind.

    Nothing is trained anew. The candidates are all amounts of all arms that could have been
    declared: the intervals hold for all of them at once, so they hold for the one that was chosen,
    however the choice was made. The study has a single tuning set (`study.untested` and the split
    see to it): a fold's tuning images train the models of the other folds, whose scores are then
    neither independent nor of one scale.

    Args:
        declaration: What was chosen.
        searched: All arms, with what their trainings said about the tuning images.
        prepared: The study's tools.
    """
    chosen = {
        name: recipe_of(searched[name], amount, prepared)
        for name, amount in declaration.multiples.items()
    }
    gains: dict[str, Verdict] = {}
    baseline = prepared.study.baseline_arm
    if baseline in chosen:
        base = chosen.pop(baseline)
        outputs = _candidates(declaration, searched, prepared)
        places = list(outputs)
        [fold] = searched[baseline].score.folds
        found = _compared(fold.tune, outputs, places.index(base), prepared)
        gains = {
            name: NOTHING_TO_GAIN if recipe == base else found.verdict(places.index(recipe))
            for name, recipe in chosen.items()
            if recipe in outputs
        }
    notes = [other_classifier(declaration, searched, prepared)]
    return Outcome({}, gains, answer_of(declaration, gains, notes=notes))


def _candidates(
    declaration: Declaration, searched: Mapping[str, SearchedArm], prepared: Prepared
) -> dict[Recipes, Floats]:
    """Return all recipes of the arms of the baseline's classifier, and what their trainings said.

    If the declared arm has another one, there was no such arm to declare, and all arms count. Arms
    that have an amount in common are one candidate there.
    """
    study = prepared.study
    kind = study.classifier_name(study.baseline_arm)
    declared = declaration.arm or study.baseline_arm
    everything = study.classifier_name(declared) != kind
    found: dict[Recipes, Floats] = {}
    for name, one in searched.items():
        if everything or study.classifier_name(name) == kind:
            for entry in merged(one.found.history):
                recipe = recipe_of(one, entry.multiple, prepared)
                found.setdefault(recipe, one.tuning_outputs(entry.multiple)[0])
    return found


def _compared(
    tune: Portion, outputs: Mapping[Recipes, Floats], base: int, prepared: Prepared
) -> MaxT:
    # A rule may train some amounts more often than others; the first trainings are those of all.
    common = min(map(len, outputs.values()))
    return max_t(
        tune.labels,
        np.stack([one[:common] for one in outputs.values()]),
        base,
        prepared.study.evaluation.confidence,
        prepared.seed.child("max-t"),
        patients=tune.patients,
    )
