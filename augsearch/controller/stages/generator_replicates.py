"""Trains the generators behind the verdict again, so that it can speak of their recipe.

A verdict on one trained generator says nothing about the next training of the same recipe. With
`evaluation.generator_replicates` = G every generator that the declared arm or the baseline draws
from is trained G - 1 more times, after the choice was declared; the fresh trainings for the test
are then spread over all G. The choice itself and the audit know the first one alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.fitting import fit_sources
from augsearch.controller.stages.preparation import Prepared
from augsearch.events import Notify
from augsearch.execution.folds import FoldImages
from augsearch.study.audit_result import AuditResult
from augsearch.study.results import VerdictResult
from augsearch.study.rules.generator_replicates import RENEWABLE
from augsearch.study.schema.generators import TRAINED

Kinds = tuple[type, ...]

ONE = "speaks of this one trained generator, not of another training of its recipe"
SEVERAL = "speaks of these trained generators, not of other trainings of their recipes"
LEAKED = (
    "{} of {} images of {} that the audit looked at show tuning, test or external images again, "
    "so a gain may be no more than that"
)
SAME = "speaks of the images of {} that were added, which all trainings shared"


@dataclass(frozen=True, eq=False)
class Generations:
    """The folds once for each training of their generators.

    Attributes:
        folds: Generation -> folds; those of the search come first.
        renewable: Sources that another training would change.
        renewed: Those of them that differ between generations; all others are the same.
    """

    folds: Sequence[Sequence[FoldImages]]
    renewable: frozenset[str] = frozenset()
    renewed: frozenset[str] = frozenset()

    def behind(self, arm: SearchedArm) -> Sequence[Sequence[FoldImages]]:
        """Return the generations that an arm's fresh trainings are spread over.

        They are all of them if every renewable source that the arm draws from is renewed. Else it
        is the first alone: with a generator that stays the same the spread would be too small.
        """
        own = self.renewable & _drawn(arm)
        return self.folds if own and own <= self.renewed else self.folds[:1]


def replicate_generators(
    declared: str | None,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
    notify: Notify,
) -> Generations:
    """Train the generators behind the declared arm and the baseline G - 1 more times.

    What was trained already is read back, and what was killed goes on. Nothing is trained where
    both arms are the same training set, or the baseline has no score.

    Args:
        declared: The arm that the verdict will be about; its choice has been written down.
        searched: All arms, with their chosen amounts.
        prepared: The study's images and tools.
        directory: Where the generators are kept.
        notify: Takes progress, losses and pictures.

    Raises:
        DivergedError: A training's loss is no longer finite or has exploded.
    """
    folds = next(iter(searched.values())).score.folds
    count = prepared.study.evaluation.generator_replicates
    arms = [searched[name] for name in (prepared.study.baseline_arm, declared) if name is not None]
    if count == 1 or len(arms) == 1 or _nothing_to_judge(arms, prepared):
        return Generations([folds])
    names = [*_lineage(arms, searched, prepared, RENEWABLE)]
    if not names:
        return Generations([folds])
    further = {
        number: [replace(fold, pools=dict(fold.pools)) for fold in folds]
        for number in range(1, count)
    }
    title = f"{count - 1} more of source {', '.join(names)}"
    with directory.stage("generators", notify, title):
        fit_sources(names, prepared, directory, further, searched, notify)
    renewable = _lineage(searched.values(), searched, prepared, RENEWABLE)
    return Generations([folds, *further.values()], frozenset(renewable), frozenset(names))


def training_groups(
    generations: Sequence[Sequence[FoldImages]], replicates: int
) -> NDArray[np.int64] | None:
    """Return which generator each fresh training belongs to; None where there is only one.

    Every fold has generators of its own, so there are folds times generations of them.

    Args:
        generations: Those behind an arm.
        replicates: Trainings per fold, a multiple of the number of generations.

    Returns:
        int64, (folds * replicates,), in the order of the trainings.
    """
    count, n_folds = len(generations), len(generations[0])
    if count == 1:
        return None
    within = np.arange(replicates, dtype=np.int64) % count
    return np.concatenate([fold * count + within for fold in range(n_folds)])


def with_scope(
    answer: VerdictResult | None,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    generations: Generations,
    audits: Sequence[AuditResult],
) -> VerdictResult | None:
    """Return the verdict with the generators or images that it speaks of, in words and number.

    Where images show held-out ones again, this comes first.

    Args:
        answer: The verdict; None if there is none.
        searched: All arms.
        prepared: The study's images and tools.
        generations: The trainings of the generators behind it.
        audits: Those of all sources.
    """
    if answer is None:
        return None
    arms = [searched[prepared.study.baseline_arm], searched[answer.arm]]
    names, same = [*_lineage(arms, searched, prepared, TRAINED)], _same_in_all_trainings(arms)
    count = max(len(generations.behind(arm)) for arm in arms)
    scope = ONE if len(names) * len(arms[0].score.folds) == 1 else SEVERAL
    if count > 1:
        scope = f"speaks of the recipe behind {', '.join(names)}, by {count} trainings of it"
    images = SAME.format(", ".join(same)) if same else ""
    leaks = _leaks(_lineage(arms, searched, prepared, (object,)), audits)
    note = "; ".join(filter(None, (*leaks, scope if names else "", images, answer.note)))
    return answer.model_copy(update={"note": note, "generators": count if names else None})


def _leaks(sources: Iterable[str], audits: Sequence[AuditResult]) -> Iterator[str]:
    """Say of which sources the audit found images that no generator may have made."""
    for name in sources:
        own = [
            (one.leaked.count, sum(one.images.values()))
            for one in audits
            if one.source == name and one.leaked
        ]
        count, looked_at = (sum(column) for column in zip((0, 0), *own, strict=True))
        if count:
            yield LEAKED.format(count, looked_at, name)


def _same_in_all_trainings(arms: Iterable[SearchedArm]) -> list[str]:
    """Return the sources with an end, such as a folder, of which arms have images."""
    return sorted(
        {
            name
            for arm in arms
            for fold in arm.score.folds
            for name in _drawn(arm) & fold.pools.keys()
            if not all(map(fold.pools[name].has_streams, range(fold.n_classes)))
        }
    )


def _lineage(
    arms: Iterable[SearchedArm],
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    kinds: Kinds,
) -> dict[str, None]:
    """Return the sources of some kinds that arms draw from, or that those are trained on.

    Whatever is fitted to a training set with images of such a source is one of them too. Each
    comes after those that it is trained on.
    """
    found: dict[str, None] = {}

    def visit(arm: SearchedArm) -> bool:
        own = sorted(_drawn(arm) & prepared.sources.keys())
        return any([*map(visit_source, own)])  # all of them, not only up to the first

    def visit_source(name: str) -> bool:
        options = prepared.study.sources[name]
        inherited = options.train_on is not None and visit(searched[options.train_on])
        if inherited or isinstance(options, kinds):
            found.setdefault(name)
        return name in found

    for arm in arms:
        visit(arm)
    return found


def _drawn(arm: SearchedArm) -> frozenset[str]:
    """Return the sources that an arm's training set has images of, at its chosen amount."""
    return frozenset(name for recipe in arm.recipes(arm.multiple) for name in recipe.sources)


def _nothing_to_judge(arms: Sequence[SearchedArm], prepared: Prepared) -> bool:
    """Whether an arm has no score, or both train on the same images: no generator matters then."""
    if any(arm.multiple is None for arm in arms):
        return True
    first, second = arms
    kinds = {prepared.study.classifier_name(arm.name) for arm in arms}
    return len(kinds) == 1 and first.recipes(first.multiple) == second.recipes(second.multiple)
