"""Arms on their way from the study file to a chosen amount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augsearch.controller.directory import RunDirectory
from augsearch.controller.mirror import Mirror
from augsearch.controller.outputs import TuningFiles
from augsearch.controller.preparation import Prepared
from augsearch.controller.tuning import TunedSettings, tune_arm
from augsearch.events import Notify, TrialCompleted
from augsearch.execution.cells import ArmScore, Floats
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import arm_recipe, fixed_amount
from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.optimal import SearchResult, find_optimal_multiple
from augsearch.search.settings import Direction
from augsearch.search.study_rules import rule_of
from augsearch.search.sweep import Sweep
from augsearch.study.schema.arms import Arm


@dataclass(frozen=True, eq=False)
class SearchedArm:
    """An arm with its tuning scores and its choice.

    Attributes:
        score: Its score function, from which it can be trained anew.
        found: History, chosen amount, reason.
        files: What its trainings said about the tuning images.
        tuned: The settings tried for its classifier; None without [tune].
    """

    name: str
    arm: Arm
    score: ArmScore
    found: SearchResult
    files: TuningFiles
    tuned: TunedSettings | None

    @property
    def multiple(self) -> float | None:
        """The chosen amount, in the arm's unit."""
        return None if self.found.multiple is None else float(self.found.multiple)

    @property
    def train_size(self) -> int:
        """Images in the training set of the first fold at the chosen amount (or the smallest)."""
        multiple = self.found.history[0].multiple if self.multiple is None else self.multiple
        return self.size(self.score.folds[0], multiple)

    def size(self, fold: FoldImages, amount: float) -> int:
        """Return the images in a fold's training set at an amount."""
        return len(self.score.recipe(amount, fold))

    def tuning_outputs(self, amount: float) -> list[Floats]:
        """Return each fold's class probabilities, (replicates, N, n_classes), at an amount."""
        return self.files.read(amount, len(self.score.folds), lambda: self.score(amount))


def search_arm(
    prepared: Prepared,
    directory: RunDirectory,
    folds: Sequence[FoldImages],
    name: str,
    chosen: Mapping[str, float],
    mirror: Mirror,
    notify: Notify,
) -> SearchedArm:
    """Evaluate an arm's amounts until its rule is satisfied; a fixed arm has a single one.

    With [tune] the classifier's settings are chosen first, at the first amount.
    """
    study, arm = prepared.study, prepared.study.arms[name]
    rule = _rule(arm, prepared.direction)
    files = TuningFiles(directory.artifacts / "tuning" / name)
    score = _score(prepared, folds, name, chosen, notify, files)
    tuned = None
    if study.tune is not None:
        tuned = tune_arm(study.tune, prepared, directory, name, score, rule.propose([])[0])
        score = tuned.score
    cells = [(fold.number, replicate) for fold, replicate in score.cells]

    def completed(evaluation: Evaluation, best: Evaluation | None) -> None:
        mirror.trial(name, evaluation, cells)
        notify(TrialCompleted(name, evaluation, best, arm.unit))

    found = find_optimal_multiple(
        score,
        direction=prepared.direction,
        rule=rule,
        storage=directory.ledger_url,
        study_name=name,
        callbacks=[completed],
    )
    for evaluation in found.history:
        mirror.trial(name, evaluation, cells)
    return SearchedArm(name, arm, score, found, files, tuned)


def _rule(arm: Arm, direction: Direction) -> SearchRule:
    if arm.search is None:
        return Sweep((fixed_amount(arm),), direction=direction)
    return rule_of(arm.search, direction)


def _score(
    prepared: Prepared,
    folds: Sequence[FoldImages],
    name: str,
    chosen: Mapping[str, float],
    notify: Notify,
    files: TuningFiles,
) -> ArmScore:
    arms = prepared.study.arms
    return ArmScore(
        recipe=lambda amount, fold: arm_recipe(
            arms, name, amount, fold.class_counts, chosen, fold.sizes
        ),
        folds=folds,
        classifier=prepared.classifier_of(name),
        metric=prepared.metric,
        replicates=prepared.study.evaluation.replicates,
        seed=prepared.seed,
        notify=notify,
        keep=files.keep,
    )
