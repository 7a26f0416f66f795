"""The training of an arm that exports are made of: one of those that its result speaks about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from augsearch.classifiers.base import FittedClassifier
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.arms import SearchedArm
from augsearch.errors import ExportError, RunDirectoryError
from augsearch.events import Notify
from augsearch.execution.cells import Floats, fresh_set, searched_set
from augsearch.execution.folds import FIRST_TEST_STREAM, FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.files import read_json
from augsearch.messages import names, unknown
from augsearch.records import Portion, TrainingSet

REPRODUCED = 1e-3
"""How far a probability may be from what the same training said in the run."""


@dataclass(frozen=True, eq=False)
class ChosenTraining:
    """The first training of an arm's chosen amount in its first fold.

    With a test set it is the first of the fresh trainings that were scored on it, else the first of
    the search's.

    Attributes:
        arm: The arm.
        amount: Its chosen amount.
        fold: Images and pools of the fold.
        stream: The stream of the pools that it draws from.
        training_set: What it trains on.
        judged: The images that its result was measured on.
        said: Class probabilities of these in the run, float64, (N, classes).
        trainings: How many trainings the arm's result is the mean of.
    """

    arm: SearchedArm
    amount: float
    fold: FoldImages
    stream: int
    training_set: TrainingSet
    judged: Portion
    said: Floats
    trainings: int

    @property
    def recipe(self) -> Recipe:
        """What the training set is made of."""
        return self.arm.score.recipe(self.amount, self.fold)


def chosen_arm(conclusion: Conclusion, name: str | None) -> SearchedArm:
    """Return an arm with a chosen amount; default: the declared arm, or the only one there is.

    Raises:
        RunDirectoryError: There is no such arm, or it has no finite score.
    """
    searched, declaration = conclusion.searched, conclusion.declaration
    wanted = name or declaration.arm or conclusion.result.baseline
    if wanted not in searched:
        raise RunDirectoryError(
            f"--arm must be one of the run's arms, {names(searched)}, {unknown(wanted, searched)}."
        )
    arm = searched[wanted]
    if arm.multiple is None:
        others = [one for one in searched if searched[one].multiple is not None]
        raise RunDirectoryError(
            f"arm {wanted!r} must have a chosen amount but none of its amounts had a finite score; "
            f"name another --arm{f' ({names(others)})' if others else ''}."
        )
    return arm


def chosen_training(conclusion: Conclusion, arm: SearchedArm) -> ChosenTraining:
    """Return the training of an arm that its exports are made of; nothing is trained yet."""
    amount = arm.multiple
    if amount is None:
        raise ValueError("an arm without a chosen amount has no training.")
    if conclusion.prepared.test is not None:
        fold = conclusion.generations.behind(arm)[0][0]
        training_set, stream = fresh_set(arm.score, amount, fold), FIRST_TEST_STREAM
        judged, said = conclusion.prepared.test, conclusion.outcome.outputs("test")[arm.name]
    else:
        fold = arm.score.folds[0]
        training_set, stream = searched_set(arm.score, amount, fold), 0
        judged, said = fold.tune, arm.tuning_outputs(amount)[0]
    return ChosenTraining(arm, amount, fold, stream, training_set, judged, said[0], len(said))


def trained_again(
    conclusion: Conclusion, chosen: ChosenTraining, notify: Notify
) -> tuple[FittedClassifier, float]:
    """Train the classifier as it was trained in the run: the same seeds, the same images.

    Returns:
        The classifier, and the largest difference of a probability to what it said in the run.

    Raises:
        ExportError: The difference is too large for it to be the same classifier.
    """
    fitted = chosen.arm.score.classifier.fit([chosen.training_set], notify)[0]
    difference = float(np.abs(fitted.predict_portion(chosen.judged) - chosen.said).max())
    if not difference <= REPRODUCED:
        directory = conclusion.directory
        known = directory.remembers("arithmetic")
        where = f" (on {read_json(directory.path / 'arithmetic.json')})" if known else ""
        raise ExportError(
            f"the classifier must say what it said in the run, within {REPRODUCED:g}, but trained "
            f"anew its probabilities differ by up to {difference:.2g}; export it where the run was "
            f"made{where}, with the same versions of torch and torchvision."
        )
    return fitted, difference


def run_hash(directory: RunDirectory) -> str:
    """Return what tells a run from others: a hash of its study and of its images."""
    digest = hashlib.sha256()
    for name in ("study.json", "data.json"):
        digest.update((directory.path / name).read_bytes())
    return digest.hexdigest()[:16]
