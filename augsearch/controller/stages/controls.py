"""Controls: the chosen amount filled with real images, repeated or classically augmented.

K times the data also means K times the optimiser steps, so a gain over K = 1 says little about the
added images themselves. A control has the declared arm's base set, amount and classifier, and so
as many images of each class and as many steps; what it adds comes from the real images alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from augsearch.controller.mirror import Mirror
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.outputs import TuningFiles
from augsearch.controller.stages.arms import SearchedArm, search_amounts
from augsearch.controller.stages.preparation import Prepared
from augsearch.events import Notify, Warned
from augsearch.execution.engines.fitting import Fitting
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import Recipe, arm_recipe
from augsearch.search.rules.sweep import Sweep
from augsearch.sources.base import FitContext
from augsearch.sources.pools.store import PoolStore
from augsearch.sources.registry import create_source
from augsearch.study.controls import KINDS, control_name, control_source
from augsearch.study.schema.arms import Addition, Arm, nothing_added
from augsearch.study.schema.sources import ClassicOptions, RepeatOptions, SourceOptions
from augsearch.study.schema.study import StudyFile


def search_controls(
    declared: str | None,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
    mirror: Mirror,
    notify: Notify,
) -> tuple[Prepared, dict[str, SearchedArm]]:
    """Score the declared arm's controls on the tuning set, if the study asks for controls.

    Args:
        declared: The arm that the verdict will be about.
        searched: All arms of the study.
        prepared: The study's images and tools.
        directory: Where the controls' images and scores are kept.
        mirror: Is told their scores.
        notify: Takes progress and warnings.

    Returns:
        The study with the controls among its arms and sources, and the controls by name. Nothing
        new without a search, or where it chose the amount that adds nothing.
    """
    arm = searched[declared] if declared is not None else None
    if not prepared.study.evaluation.controls or arm is None:
        return prepared, {}
    amount = arm.multiple
    if amount is None or not adds_searched(arm.arm, amount):
        return prepared, {}
    if any(map(lacks_real, arm.recipes(amount))):
        notify(Warned(f"arm {arm.name!r} has no controls: it uses no real images of some class"))
        return prepared, {}
    chosen = {name: one.multiple for name, one in searched.items() if one.multiple is not None}
    maker = _Maker(arm, amount, chosen, prepared, directory)
    with directory.stage("controls", notify, f"controls {arm.name}"):
        controls = {kind: maker.make(kind, mirror, notify) for kind in KINDS}
    study = prepared.study
    arms = study.arms | {one.name: one.arm for one in controls.values()}
    sources = study.sources | {control_source(kind): _options(kind, study) for kind in KINDS}
    study = study.model_copy(update={"arms": arms, "sources": sources})
    return replace(prepared, study=study), {one.name: one for one in controls.values()}


def adds_searched(arm: Arm, amount: float) -> bool:
    """Whether an arm adds a searched amount of images, which its controls then fill."""
    return arm.search is not None and amount > nothing_added(arm.search.unit)


def twin(arm: Arm, kind: str) -> Arm:
    """Return a searched arm that adds the images of a control in the place of its own source's."""
    if arm.search is None:
        raise ValueError("only a searched arm has controls.")
    search = arm.search.model_copy(update={"source": control_source(kind)})
    return arm.model_copy(update={"search": search})


def lacks_real(recipe: Recipe) -> bool:
    """Whether a set has images of a class but no real ones, which a control would repeat."""
    pairs = zip(recipe.real, recipe.class_counts, strict=True)
    return any(used and not real for real, used in pairs)


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the controls of one arm at its chosen amount.

    Attributes:
        chosen: The chosen amounts of all arms, for those that are based on another one.
    """

    arm: SearchedArm
    amount: float
    chosen: Mapping[str, float]
    prepared: Prepared
    directory: RunDirectory

    def make(self, kind: str, mirror: Mirror, notify: Notify) -> SearchedArm:
        """Fit the control's source on every fold and score the one amount."""
        name, source = control_name(self.arm.name, kind), control_source(kind)
        folds = self.arm.score.folds
        pools = self.prepared.engine.pools((self._fitting(kind, fold) for fold in folds), notify)
        for fold, pool in zip(folds, pools, strict=True):
            fold.pools[source] = PoolStore(pool, self._folder(kind, fold) / "pool")
        files = TuningFiles(self.directory.folder("tuning", name))
        # The arm's own arithmetic with another source: the same images of each class, to the last.
        arms = self.prepared.study.arms | {self.arm.name: twin(self.arm.arm, kind)}
        score = replace(
            self.arm.score,
            recipe=lambda amount, fold: arm_recipe(
                arms, self.arm.name, amount, fold.class_counts, self.chosen, fold.sizes
            ),
            keep=files.keep,
        )
        rule = Sweep((self.amount,), self.prepared.direction)
        found = search_amounts(name, self.arm.arm.unit, score, rule, self.directory, mirror, notify)
        return SearchedArm(name, self._fixed(source), score, found, files, None, self.arm.name)

    def _folder(self, kind: str, fold: FoldImages) -> Path:
        return self.directory.folder(f"control-{kind}-fold{fold.number}")

    def _fitting(self, kind: str, fold: FoldImages) -> Fitting:
        """Fit to the real images that the arm uses, which may be a share of them."""
        used = Recipe(self.arm.score.recipe(self.amount, fold).real)
        seed = self.prepared.seed
        context = FitContext(
            name=control_source(kind),
            fold=fold.number,
            seed=seed.child("control", kind, fold.number),
            folder=self._folder(kind, fold),
            device=self.prepared.device,
        )
        images = fold.training_set(used, 0, seed).images(self.prepared.images.classes)
        return Fitting(create_source(_options(kind, self.prepared.study)), images, context)

    def _fixed(self, source: str) -> Arm:
        """Return the control as an arm that searches nothing, for whoever describes it."""
        unit = self.arm.arm.unit
        amount = self.amount if unit == "multiple" else round(self.amount)
        addition = Addition.model_validate({"source": source, unit: amount})
        # In front, because an arm counts as its first addition does.
        add = (addition, *self.arm.arm.add)
        return self.arm.arm.model_copy(update={"search": None, "add": add})


def _options(kind: str, study: StudyFile) -> SourceOptions:
    """Return the study's own source of a kind, without selection; a plain one if it has none."""
    plain = RepeatOptions(kind="repeat") if kind == "repeat" else ClassicOptions(kind="classic")
    own = (one for one in study.sources.values() if isinstance(one, type(plain)))
    return next(own, plain).model_copy(update={"select": None, "train_on": None})
