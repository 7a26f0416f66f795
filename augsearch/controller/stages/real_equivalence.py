"""What the chosen synthetic images are worth in real ones, from trainings on shares of the real."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.preparation import Prepared
from augsearch.evaluation.inference.learning_curve import (
    FEWEST_CELLS,
    FEWEST_SIZES,
    REACH,
    Equivalent,
    real_equivalent,
)
from augsearch.evaluation.inference.verdict import Verdict
from augsearch.evaluation.metrics import get_metric
from augsearch.events import Notify
from augsearch.execution.cells import keep_nothing
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import Recipe, arm_recipe
from augsearch.report.words.sentences import percent
from augsearch.search.optimal import find_optimal_multiple
from augsearch.search.rules.sweep import Sweep
from augsearch.study.results import RealEquivalence, finite
from augsearch.study.schema.arms import Arm

SHARES = (0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
FEWEST_IMAGES = 2
"""Real images of each class that a share must leave."""

UNSAID = "What the chosen synthetic images are worth in real images cannot be said: "


@dataclass(frozen=True, eq=False)
class RealCurve:
    """Tuning AUC of the baseline's recipe over the number of real images.

    Attributes:
        sizes: (S,), rising; the last is all of them, the mean over the folds.
        scores: (S, J), one column per fold and training.
    """

    sizes: NDArray[np.float64]
    scores: NDArray[np.float64]


def real_curve(
    declared: str | None,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
    notify: Notify,
) -> RealCurve | None:
    """Train the baseline on shares of its real images, if the study asks what a gain is worth.

    Every training draws shares of its own, and the smaller ones lie within the larger ones, so the
    curve's rise is measured within a training.

    Args:
        declared: The arm that the verdict will be about.
        searched: All arms of the study.
        prepared: The study's images and tools.
        directory: Where the scores are kept.
        notify: Takes progress.

    Returns:
        The curve, without any scores if there are too few images for it. None if nobody asked or
        the declared arm trains on the baseline's own set.
    """
    base = searched[prepared.study.baseline_arm]
    arm = searched[declared] if declared is not None else None
    if not prepared.study.evaluation.real_equivalence or arm is None or _same(arm, base):
        return None
    with directory.stage("real shares", notify, "shares of the real images"):
        return _trained(base, prepared, directory, notify)


def _same(arm: SearchedArm, base: SearchedArm) -> bool:
    fold = base.score.folds[0]
    if arm.multiple is None or base.multiple is None:
        return True  # there will be no gain to speak of
    return arm.score.recipe(arm.multiple, fold) == base.score.recipe(base.multiple, fold)


def _trained(
    base: SearchedArm, prepared: Prepared, directory: RunDirectory, notify: Notify
) -> RealCurve:
    folds, amount = base.score.folds, base.multiple or 1.0

    def recipe(share: float, fold: FoldImages) -> Recipe:
        arms, counts = prepared.study.arms, fold.class_counts
        return share_recipe(arms, base.name, share, amount, counts, fold.sizes)

    counts = [fold.class_counts for fold in folds]
    shares = distinct_shares(base.arm, counts, lambda share, fold: recipe(share, folds[fold]))
    sizes = np.array(list(shares.values()))
    times = prepared.study.evaluation.test_replicates
    if not suffices(len(shares), times * len(folds)):
        return RealCurve(sizes, np.empty((len(sizes), 0)))
    score = replace(
        base.score,
        recipe=recipe,
        # A fold of another number shuffles its real images, and starts its head, in another way.
        folds=[
            replace(fold, number=fold.number * times + training)
            for fold in folds
            for training in range(times)
        ],
        metric=get_metric("auc"),
        replicates=1,
        keep=keep_nothing,
    )
    found = find_optimal_multiple(
        score,
        rule=Sweep(tuple(shares)),
        storage=directory.ledger_url,
        study_name=directory.study_name(f"{base.name} (shares)"),
        notify=notify,
    )
    return RealCurve(sizes, np.array([entry.scores for entry in found.history]))


def share_recipe(
    arms: Mapping[str, Arm],
    name: str,
    share: float,
    amount: float,
    real: tuple[int, ...],
    sizes: Mapping[str, Sequence[int | None]],
) -> Recipe:
    """Return what an arm trains on with a share of its real images (see `arm_recipe`)."""
    arm = arms[name].model_copy(update={"real": share * arms[name].real})
    return arm_recipe({**arms, name: arm}, name, amount, real, {}, sizes)


def distinct_shares(
    arm: Arm, counts: Sequence[tuple[int, ...]], recipe: Callable[[float, int], Recipe]
) -> dict[float, float]:
    """Return the shares that leave a few real images of every class, each with their number.

    Args:
        arm: The baseline; a share of another arm's set is none of its own.
        counts: Per fold the real images of each class.
        recipe: (share, number of the fold) -> what is trained on.

    Returns:
        Share -> real images, the mean over the folds, both rising.
    """
    found: dict[float, float] = {}
    if arm.base is not None:
        return found
    smallest = min(count for of_fold in counts for count in of_fold if count)
    for share in SHARES:
        if math.floor(share * arm.real * smallest) >= FEWEST_IMAGES:
            size = float(np.mean([sum(recipe(share, fold).real) for fold in range(len(counts))]))
            if size > max(found.values(), default=0):  # few images may round to the same
                found[share] = size
    return found


def suffices(n_shares: int, n_cells: int) -> bool:
    """Whether shares and trainings of each (over all folds) make a curve."""
    return n_shares >= FEWEST_SIZES and n_cells >= FEWEST_CELLS


def equivalence(curve: RealCurve, gain: Verdict, prepared: Prepared) -> RealEquivalence:
    """Say how many more real images would have brought the gain that the test set showed.

    The gain is that of fresh trainings on untouched images: the tuning score of a chosen amount is
    the best of many, and too high.
    """
    if math.isnan(gain.low):
        return _unsaid("the gain has no interval.")
    confidence, seed = prepared.study.evaluation.confidence, prepared.seed
    found = real_equivalent(
        curve.sizes,
        curve.scores,
        gain.gain,
        gain.se,
        gain.degrees_of_freedom,
        seed.child("real equivalence"),
        confidence,
    )
    if found.reason:
        return _unsaid(_reason(found, curve.sizes))
    return RealEquivalence(
        text=_sentence(found, curve.sizes, confidence, len(prepared.split.folds)),
        extra_images=found.extra,
        low=finite(found.low),
        high=finite(found.high),
    )


def _unsaid(why: str) -> RealEquivalence:
    return RealEquivalence(text=UNSAID + why, extra_images=None, low=None, high=None)


def _sentence(
    found: Equivalent, sizes: NDArray[np.float64], confidence: float, n_folds: int
) -> str:
    extra, there = round(found.extra), sizes[-1]
    low, high = f"{found.low:.0f}", f"{found.high:.0f}"
    if math.isinf(found.low):
        low = f"less than {sizes[0] - there:.0f}"
    if math.isinf(found.high):
        high = f"more than {(REACH - 1) * there:.0f}"
    worth = f"{extra} more" if extra >= 0 else f"{-extra} fewer"
    of_folds = " in a fold (mean)" if n_folds > 1 else ""
    return (
        f"The chosen synthetic images are worth about {worth} real images "
        f"({percent(confidence)} interval {low} to {high}), beside the {there:.0f} that there are"
        f"{of_folds}."
    )


def _reason(found: Equivalent, sizes: NDArray[np.float64]) -> str:
    if found.reason == "few":
        return (
            f"a curve needs at least {FEWEST_SIZES} sizes of the real set and {FEWEST_CELLS} "
            "trainings of each, with scores that are numbers."
        )
    if found.reason == "flat":
        return "scores do not clearly rise with the number of real images."
    reach = f"between {sizes[0]:.0f} and {REACH * sizes[-1]:.0f} real images"
    if found.reason == "outside":
        return f"the gain is not one that the curve reaches {reach}."
    return f"the interval spans all that the curve reaches {reach}."
