"""Arms on their way from the study file to a chosen amount."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from augsearch.controller.directory import RunDirectory
from augsearch.controller.mirror import Mirror
from augsearch.controller.preparation import Prepared
from augsearch.events import Notify, TrialCompleted
from augsearch.execution.cells import ArmScore
from augsearch.execution.folds import FoldImages, judge
from augsearch.execution.recipes import arm_recipe, fixed_multiple
from augsearch.records import Evaluation, LabelledImages, Portion
from augsearch.search.optimal import SearchResult, find_optimal_multiple
from augsearch.sources.base import FitContext
from augsearch.sources.store import PoolStore
from augsearch.study.schema.arms import Arm


@dataclass(frozen=True, eq=False)
class SearchedArm:
    """An arm with its tuning scores and its choice.

    Attributes:
        score: Its score function, from which it can be trained anew.
        found: History, chosen amount, reason.
        train_size: Images in the chosen training set of the first fold.
    """

    name: str
    arm: Arm
    score: ArmScore
    found: SearchResult

    @property
    def multiple(self) -> float | None:
        """The chosen amount."""
        return None if self.found.multiple is None else float(self.found.multiple)

    @property
    def train_size(self) -> int:
        """Images in the training set of the first fold at the chosen amount (or the smallest)."""
        multiple = self.found.history[0].multiple if self.multiple is None else self.multiple
        return len(self.score.recipe(multiple, self.score.folds[0].class_counts))


def fit_sources(prepared: Prepared, directory: RunDirectory, notify: Notify) -> list[FoldImages]:
    """Fit every source on every fold's training images; what is fitted already is read back."""
    folds = []
    for number, fold in enumerate(prepared.split.folds):
        train, tune = prepared.block_of(fold.train), prepared.block_of(fold.tune)
        pools = {}
        for name, source in prepared.sources.items():
            context = FitContext(
                name=name,
                fold=number,
                seed=prepared.seed.child("source", name, number),
                folder=directory.artifacts / f"source-{name}-fold{number}",
                device=prepared.device,
                notify=notify,
                judge=_judge(prepared, number, tune),
            )
            pool = source.fit(prepared.train_of(fold), context)
            pools[name] = PoolStore(pool, context.folder / "pool")
        folds.append(FoldImages(number, train, tune, len(prepared.images.classes), pools))
    return folds


def _judge(prepared: Prepared, fold: int, tune: Portion) -> Callable[[LabelledImages], float]:
    seed = prepared.seed.child("judge", fold)
    return lambda images: judge(images, tune, prepared.classifier, prepared.metric, seed)


def search_arm(
    prepared: Prepared,
    directory: RunDirectory,
    folds: Sequence[FoldImages],
    name: str,
    chosen: Mapping[str, float],
    mirror: Mirror,
    notify: Notify,
) -> SearchedArm:
    """Evaluate an arm's amounts until its rule is satisfied; a fixed arm has a single one."""
    arms = prepared.study.arms
    score = ArmScore(
        recipe=lambda multiple, real: arm_recipe(arms, name, multiple, real, chosen),
        folds=folds,
        classifier=prepared.classifier,
        metric=prepared.metric,
        replicates=prepared.study.evaluation.replicates,
        seed=prepared.seed,
        notify=notify,
    )
    cells = [(fold.number, replicate) for fold, replicate in score.cells]

    def completed(evaluation: Evaluation, best: Evaluation | None) -> None:
        mirror.trial(name, evaluation, cells)
        notify(TrialCompleted(name, evaluation, best))

    search = partial(
        find_optimal_multiple,
        score,
        direction="maximize" if prepared.metric.greater_is_better else "minimize",
        storage=directory.ledger_url,
        study_name=name,
        callbacks=[completed],
    )
    arm = arms[name]
    if arm.search is None:
        only = fixed_multiple(arm)
        found = search(window=1, start=only, max_multiple=only)
    else:
        found = search(**arm.search.model_dump(exclude={"source"}))
    for evaluation in found.history:
        mirror.trial(name, evaluation, cells)
    return SearchedArm(name, arm, score, found)
