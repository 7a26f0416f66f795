"""How much work a study is, counted from the study file alone; `plan` says how long it takes.

What depends on scores is counted so: a sliding window stops as early as it can, and its first
amount is the one that other arms start from. Every other rule takes as many trainings as it will
take in any case; which amounts its further rounds are about, and what it chooses, is not known, and
the largest amounts are the most work. The test, the controls, the shares of the real images and the
generators that are trained again are counted as if the choice were the largest amount.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from augsearch.controller.stages.auditing import is_audited
from augsearch.controller.stages.controls import adds_searched, lacks_real, twin
from augsearch.controller.stages.preparation import judging_name, rivals
from augsearch.controller.stages.real_equivalence import distinct_shares, share_recipe, suffices
from augsearch.execution.reach import rule_of_arm
from augsearch.execution.recipes import Recipe, arm_recipe
from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.study.controls import KINDS
from augsearch.study.order import search_order, used_sources
from augsearch.study.schema.arms import Arm, WindowSearch
from augsearch.study.schema.generators import TRAINED, TrainedOptions
from augsearch.study.schema.study import StudyFile
from augsearch.study.schema.tune import Range, TuneOptions

Counts = tuple[int, ...]
"""Images of each class."""

Took = Mapping[str, tuple[Sequence[float], float]]
"""Arm -> the amounts that it was evaluated at, in order, and the chosen one."""


@dataclass
class Share:
    """What one stage of the run asks of a classifier.

    Attributes:
        trainings: How many.
        images: Images in the training sets of all trainings together.
        added: Source -> images of it that no stage before has looked at.
    """

    trainings: int = 0
    images: int = 0
    added: Counter[str] = field(default_factory=Counter)


@dataclass
class Load:
    """What is asked of one classifier.

    Attributes:
        added: Images of sources that it has to look at: (fold, source, whether for the test).
        stages: Stage -> its share, in the order of the run.
    """

    added: dict[tuple[int, str, bool], int] = field(default_factory=dict)
    stages: dict[str, Share] = field(default_factory=dict)

    @property
    def trainings(self) -> int:
        """How many, in all stages."""
        return sum(share.trainings for share in self.stages.values())

    @property
    def images(self) -> int:
        """Images in the training sets of all trainings together."""
        return sum(share.images for share in self.stages.values())

    def train(
        self, stage: str, fold: int, recipe: Recipe, replicates: int, *, times: int = 1
    ) -> None:
        """Count the trainings of a recipe; `times` settings see the same images of sources."""
        share = self.stages.setdefault(stage, Share())
        share.trainings += times * replicates
        share.images += times * replicates * len(recipe)
        for source in recipe.sources:
            self.look_at(stage, fold, source, replicates * sum(recipe.taken(source)))

    def look_at(self, stage: str, fold: int, source: str, count: int) -> None:
        """Count the first images of a source, of which some may have been looked at already.

        Trainings for the test draw from stretches of their own.
        """
        key = (fold, source, stage == "test")
        before = self.added.get(key, 0)
        self.added[key] = max(before, count)
        share = self.stages.setdefault(stage, Share())
        share.added[source] += self.added[key] - before


@dataclass(frozen=True)
class Workload:
    """All that a study asks for.

    Attributes:
        iterations: Trained source -> iterations in all folds together, before the search.
        again: Trained source -> iterations in all folds together once the choice is declared, of
            those behind the baseline and that arm of the candidates that takes most of them.
        again_at_most: Whether another choice takes fewer of those.
        loads: Classifier -> what it is asked.
    """

    iterations: Mapping[str, int]
    again: Mapping[str, int]
    again_at_most: bool
    loads: Mapping[str, Load]


def workload(study: StudyFile, counts: Sequence[Counts], took: Took | None = None) -> Workload:
    """Count the work of a study.

    Args:
        study: The study.
        counts: Per fold the real training images of each class.
        took: What the searches of a finished run took and chose; None: they are still to come.
    """
    counting = _Counting(study, counts, took or {})
    counting.audits()
    counting.searches_and_tests()
    declared = counting.declared()
    if declared is not None and study.evaluation.controls:
        counting.controls(declared)
    if declared is not None and study.evaluation.real_equivalence:
        counting.real_shares()
    iterations = {
        name: counting.iterations(options)
        for name in used_sources(study)
        if isinstance(options := study.sources[name], TRAINED)
    }
    choices = counting.trained_again(iterations)
    most = max(choices, key=lambda one: sum(one.values()), default={})
    return Workload(iterations, most, any(one != most for one in choices), counting.loads)


def asked_amounts(rule: SearchRule, rising: bool) -> list[float]:
    """Return all amounts that a rule asks for, in order, if scores rise (or fall) with them."""
    sign = 0.01 if rising else -0.01
    history: list[Evaluation] = []
    while certain := rule.propose(history):
        history += [Evaluation.of(one, [sign * math.log1p(one)]) for one in certain]
    return [entry.multiple for entry in history]


class _Counting:
    """Goes through the stages of a study and notes what each asks of which classifier."""

    def __init__(self, study: StudyFile, counts: Sequence[Counts], took: Took) -> None:
        self._study, self._counts = study, counts
        self._amounts = {name: self._asked(name) for name in study.arms}
        self._chosen = {name: self._start_of_others(name) for name in study.arms}
        self._tested = {name: max(amounts) for name, amounts in self._amounts.items()}
        self._least = {name: min(amounts) for name, amounts in self._amounts.items()}
        for name, (amounts, chosen) in took.items():
            self._amounts[name] = list(amounts)
            self._chosen[name] = self._tested[name] = self._least[name] = chosen
        self.loads: dict[str, Load] = {}

    def searches_and_tests(self) -> None:
        """Count every arm's settings, amounts and fresh trainings for the test."""
        evaluation, tune = self._study.evaluation, self._study.tune
        for name in search_order(self._study):
            load, amounts = self._load(name), self._amounts[name]
            for fold, real in enumerate(self._counts):
                for amount, rounds in Counter(amounts).items():
                    recipe = self._recipe(name, amount, real)
                    load.train("search", fold, recipe, rounds * evaluation.replicates)
                if self._study.has_test_set:
                    last = self._recipe(name, self._tested[name], real)
                    load.train("test", fold, last, evaluation.test_replicates)
                if tune is not None:
                    first = self._recipe(name, amounts[0], real)
                    load.train("search", fold, first, tune.replicates, times=_settings(tune))

    def audits(self) -> None:
        """Count the images that audits look at, and their two trainings of each source."""
        for name in used_sources(self._study):
            if not is_audited(self._study, name):
                continue
            load = self.loads.setdefault(judging_name(self._study), Load())
            most = self._study.audit.images_per_class
            for fold, real in enumerate(self._counts):
                alike = tuple(min(most, count) for count in real)  # synthetic, and real
                load.train("audit", fold, Recipe(alike), 2)
                load.look_at("audit", fold, name, most * sum(count > 0 for count in real))

    def declared(self) -> str | None:
        """Return the arm that the verdict may be about: of the candidates that with most images."""
        return max(rivals(self._study, self._study.arms), key=self._size, default=None)

    def controls(self, declared: str) -> None:
        """Count the scores and fresh trainings of an arm's controls."""
        study, arm, amount = self._study, self._study.arms[declared], self._tested[declared]
        recipes = [self._recipe(declared, amount, real) for real in self._counts]
        if not adds_searched(arm, amount) or any(map(lacks_real, recipes)):
            return
        for kind in KINDS:
            for fold, real in enumerate(self._counts):
                recipe = self._recipe(declared, amount, real, twin(arm, kind))
                load, evaluation = self._load(declared), study.evaluation
                load.train("controls", fold, recipe, evaluation.replicates)
                load.train("test", fold, recipe, evaluation.test_replicates)

    def real_shares(self) -> None:
        """Count the baseline's trainings on shares of the real images."""
        study, name = self._study, self._study.baseline_arm
        times, amount = study.evaluation.test_replicates, self._amounts[name][0]

        def recipe(share: float, fold: int) -> Recipe:
            real = self._counts[fold]
            return share_recipe(study.arms, name, share, amount, real, self._sizes(real))

        shares = distinct_shares(study.arms[name], self._counts, recipe)
        if suffices(len(shares), times * len(self._counts)):
            for share in shares:
                for fold in range(len(self._counts)):
                    self._load(name).train("real shares", fold, recipe(share, fold), times)

    def iterations(self, options: TrainedOptions) -> int:
        """Return the iterations of one training of a source, in all folds."""
        counts, arm = self._counts, options.train_on
        if arm is not None:
            counts = [self._recipe(arm, self._chosen[arm], one).class_counts for one in counts]
        return sum(map(options.total_length, counts))

    def trained_again(self, once: Mapping[str, int]) -> list[dict[str, int]]:
        """Return what generators take after the choice, for every one that there may be.

        Args:
            once: Trained source -> iterations of one training, in all folds.
        """
        further = self._study.evaluation.generator_replicates - 1
        return [
            {name: further * once[name] for name in once if further and name in behind}
            for arm in rivals(self._study, self._study.arms)
            for chosen in (self._tested, self._least)
            for behind in [self._behind_verdict(arm, chosen)]
        ]

    def _behind_verdict(self, declared: str, chosen: Mapping[str, float]) -> set[str]:
        """Return the sources behind the declared arm and the baseline; none if they are one set."""
        arms = (self._study.baseline_arm, declared)
        sets = [[self._drawn(arm, chosen, real) for real in self._counts] for arm in arms]
        if sets[0] == sets[1] and len({*map(self._study.classifier_name, arms)}) == 1:
            return set()
        return set().union(*(self._lineage(arm, chosen) for arm in arms))

    def _lineage(self, arm: str, chosen: Mapping[str, float]) -> set[str]:
        """Return the sources that an arm draws from, and those that these are trained with."""
        own = {name for real in self._counts for name in self._drawn(arm, chosen, real).sources}
        before = {self._study.sources[name].train_on for name in own} - {None}
        return own.union(*(self._lineage(one, chosen) for one in before if one is not None))

    def _drawn(self, arm: str, chosen: Mapping[str, float], real: Counts) -> Recipe:
        sizes = self._sizes(real)
        return arm_recipe(self._study.arms, arm, chosen[arm], real, chosen, sizes)

    def _load(self, arm: str) -> Load:
        return self.loads.setdefault(self._study.classifier_name(arm), Load())

    def _asked(self, name: str) -> list[float]:
        rule = rule_of_arm(self._study.arms[name], "maximize", self._study.seed)
        return asked_amounts(rule, rising=not isinstance(rule, SlidingWindow))

    def _start_of_others(self, name: str) -> float:
        is_window = isinstance(self._study.arms[name].search, WindowSearch)
        return self._amounts[name][0] if is_window else max(self._amounts[name])

    def _size(self, name: str) -> int:
        return sum(len(self._recipe(name, max(self._amounts[name]), real)) for real in self._counts)

    def _recipe(self, name: str, amount: float, real: Counts, changed: Arm | None = None) -> Recipe:
        arms = self._study.arms | ({name: changed} if changed else {})
        return arm_recipe(arms, name, amount, real, self._chosen, self._sizes(real))

    def _sizes(self, real: Counts) -> dict[str, Counts]:
        # How many images a folder has or a selection keeps is known once it has been read.
        return dict.fromkeys(self._study.sources, real)


def _settings(tune: TuneOptions) -> int:
    if tune.method == "tpe":
        return tune.trials
    lists = [values for values in tune.parameters.values() if not isinstance(values, Range)]
    return int(np.prod([len(values) for values in lists]))
