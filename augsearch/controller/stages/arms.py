"""Arms on their way from the study file to a chosen amount."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from augsearch.amounts import Unit
from augsearch.controller.mirror import Mirror
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.outputs import TuningFiles
from augsearch.controller.stages.preparation import Prepared
from augsearch.controller.stages.tuning import TunedSettings, tune_arm
from augsearch.events import Notify, TrialCompleted
from augsearch.execution.cells import ArmScore, Floats
from augsearch.execution.folds import FoldImages
from augsearch.execution.reach import rule_of_arm
from augsearch.execution.recipes import Recipe, arm_recipe
from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.optimal import SearchResult, find_optimal_multiple
from augsearch.search.rounds import merged
from augsearch.study.schema.arms import Arm


@dataclass(frozen=True, eq=False)
class SearchedArm:
    """An arm with its tuning scores and its choice.

    Attributes:
        score: Its score function, from which it can be trained anew.
        found: History, chosen amount, reason.
        files: What its trainings said about the tuning images.
        tuned: The settings tried for its classifier; None without [tune].
        control_of: The searched arm that this one is a control of; None for arms of the study.
    """

    name: str
    arm: Arm
    score: ArmScore
    found: SearchResult
    files: TuningFiles
    tuned: TunedSettings | None
    control_of: str | None = None

    @property
    def multiple(self) -> float | None:
        """The chosen amount, in the arm's unit."""
        return None if self.found.multiple is None else float(self.found.multiple)

    def recipes(self, amount: float | None) -> tuple[Recipe, ...]:
        """Return what each fold's training set is made of at an amount; nothing at none."""
        if amount is None:
            return ()
        return tuple(self.score.recipe(amount, fold) for fold in self.score.folds)

    @property
    def train_size(self) -> int:
        """Images in the training set of the first fold at the chosen amount (or the smallest)."""
        multiple = self.found.history[0].multiple if self.multiple is None else self.multiple
        return self.size(self.score.folds[0], multiple)

    def size(self, fold: FoldImages, amount: float) -> int:
        """Return the images in a fold's training set at an amount."""
        return len(self.score.recipe(amount, fold))

    def tuning_outputs(self, amount: float) -> list[Floats]:
        """Return each fold's class probabilities, (all replicates, N, n_classes), at an amount."""
        rounds = max(1, sum(entry.multiple == amount for entry in self.found.history))
        asked = [(amount, number) for number in range(rounds)]
        return self.files.read(
            amount, len(self.score.folds), lambda: list(self.score.score_rounds(asked)), rounds
        )


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
    rule = rule_of_arm(arm, prepared.direction, study.seed)
    files = TuningFiles(directory.folder("tuning", name))
    score = _score(prepared, folds, name, chosen, notify, files)
    tuned = None
    if study.tune is not None:
        first = rule.propose([])[0]
        with directory.stage(f"tune {name}", notify):
            tuned = tune_arm(study.tune, prepared, directory, name, score, first, notify)
        mirror.tuned(name, tuned.trials, tuned.setting)
        score = tuned.score
    with directory.stage(f"search {name}", notify):
        found = search_amounts(name, arm.unit, score, rule, directory, mirror, notify)
    return SearchedArm(name, arm, score, found, files, tuned)


def search_amounts(
    name: str,
    unit: Unit,
    score: ArmScore,
    rule: SearchRule,
    directory: RunDirectory,
    mirror: Mirror,
    notify: Notify,
) -> SearchResult:
    """Evaluate the amounts that a rule asks for, or read them back, and tell everyone."""
    seen: dict[float, list[Evaluation]] = {}
    kept: deque[int] = deque()  # the round of each new evaluation, in order

    def keep(amount: float, round_: int, outputs: Sequence[Floats]) -> None:
        kept.append(round_)
        score.keep(amount, round_, outputs)

    def tell(evaluation: Evaluation) -> None:
        """Mirror an amount with all of its rounds so far: a rule may ask for more replicates."""
        rounds = seen.setdefault(evaluation.multiple, [])
        rounds.append(evaluation)
        cells = [cell for number in range(len(rounds)) for cell in score.cells_of(number)]
        mirror.trial(
            name,
            merged(rounds)[0],
            [(fold.number, replicate) for fold, replicate in cells],
            len(rounds) - 1,
        )

    def completed(evaluation: Evaluation, best: Evaluation | None) -> None:
        number = kept.popleft()
        # Of an amount whose earlier rounds another process trained, all is told in the end.
        if number == len(seen.get(evaluation.multiple, ())):
            tell(evaluation)
        notify(TrialCompleted(name, evaluation, best, unit, number + 1))

    found = find_optimal_multiple(
        replace(score, keep=keep),
        direction=score.metric.direction,
        rule=rule,
        storage=directory.ledger_url,
        study_name=directory.study_name(name),
        callbacks=[completed],
        notify=notify,
    )
    seen.clear()
    for evaluation in found.history:
        tell(evaluation)
    return found


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
        engine=prepared.engine,
        classes=prepared.images.classes,
    )
