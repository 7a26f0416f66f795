"""The training of an arm that exports are made of: one of those that its result speaks about."""

from __future__ import annotations

from dataclasses import dataclass

from augsearch.controller.arms import SearchedArm
from augsearch.controller.conclusion import Conclusion
from augsearch.errors import RunDirectoryError
from augsearch.execution.cells import Floats, fresh_set, searched_set
from augsearch.execution.folds import FIRST_TEST_STREAM, FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.messages import names, unknown
from augsearch.records import Portion, TrainingSet


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
    wanted = name or declaration.arm or declaration.baseline
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
        training_set, stream = fresh_set(arm.score, amount, fold, 0), FIRST_TEST_STREAM
        judged, said = conclusion.prepared.test, conclusion.outcome.test[arm.name]
    else:
        fold = arm.score.folds[0]
        training_set, stream = searched_set(arm.score, amount, fold, 0), 0
        judged, said = fold.tune, arm.tuning_outputs(amount)[0]
    return ChosenTraining(arm, amount, fold, stream, training_set, judged, said[0], len(said))


def drawn_sources(arm: SearchedArm) -> tuple[str, ...]:
    """Return the sources that an arm has images of at its chosen amount, in order of first use."""
    if arm.multiple is None:
        return ()
    recipe = arm.score.recipe(arm.multiple, arm.score.folds[0])
    return tuple(dict.fromkeys(one.source for one in recipe.ingredients))
