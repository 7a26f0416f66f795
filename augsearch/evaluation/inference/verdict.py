"""Does adding images help? The gain of the chosen amount over the base set, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.evaluation.inference.auc_bootstrap import FEWEST_IMAGES, bootstrap_variance
from augsearch.evaluation.inference.delong import (
    as_classes,
    freedom_of,
    influence_by_image,
    variance_of,
)
from augsearch.evaluation.inference.standard_error import (
    StandardError,
    check_confidence,
    standard_error,
)
from augsearch.evaluation.inference.training_groups import independent_runs
from augsearch.evaluation.patients import fewest_of, numbered, sums_of
from augsearch.study.results import Label

ONE_RUN = "speaks of these two models only: the luck of a single training is not known"
DEGENERATE = "degenerate: the gain has no variance on these images, so no interval can be given"
ONE_IMAGE = "a class has one test image (or patient) only, so no interval can be given"
FEW_IMAGES = (
    f"a class has fewer than {FEWEST_IMAGES} test images (or patients): the variance over images "
    "is that of a class-stratified bootstrap"
)
TWO_GENERATORS = (
    "two trainings of the generator tell little about how much another one differs, so the "
    "interval is wide"
)


@dataclass(frozen=True)
class Verdict:
    """The answer of a study.

    Attributes:
        label: "helps" if the whole interval is above 0, "harms" if it is below, else "no evidence".
        gain: Mean test AUC (or another endpoint) of the chosen arm minus that of the base arm;
            positive is better.
        low: Lower end of the gain's confidence interval; NaN if there is none.
        high: Upper end; NaN if there is none.
        se: Standard error of the gain; NaN if it is unknown.
        degrees_of_freedom: Of the interval's t distribution, infinite for a normal one; NaN if
            there is no interval.
        note: What limits the answer; empty if nothing does.
    """

    label: Label
    gain: float
    low: float
    high: float
    se: float
    degrees_of_freedom: float
    note: str


NOTHING_TO_GAIN = Verdict(
    label="no evidence",
    gain=0.0,
    low=0.0,
    high=0.0,
    se=0.0,
    degrees_of_freedom=float("nan"),
    note="the choice is the baseline's own training set, so there is nothing to gain",
)
"""Of the very trainings of the baseline: no luck stands between the two."""


def verdict(
    labels: ArrayLike,
    base: ArrayLike,
    chosen: ArrayLike,
    confidence: float = 0.95,
    *,
    base_groups: ArrayLike | None = None,
    chosen_groups: ArrayLike | None = None,
    patients: ArrayLike | None = None,
) -> Verdict:
    """Compare two recipes by fresh trainings of both, scored on the same untouched test images.

    With the AUCs A of R trainings per arm and n images:

        gain = mean A(chosen) - mean A(base)
        v_image = paired DeLong variance of the gain, on replicate-averaged influence
        v_run = s²(chosen) / R(chosen) + s²(base) / R(base)
        SE² = v_image + v_run
        df = SE⁴ / (Σ_arms (s²/R)² / (R - 1) + Σ_classes v_c² / (m_c - 1))
        interval = gain ± t(df) · SE

    with v_c what the m_c images of class c add to v_image (`freedom_of`). With n - 2 in place of
    m_c - 1, simulated with two single models of AUC 0.7 to 0.8 and 10 (15; 20) images of a class
    beside 400, a gain was claimed in 3.3 to 3.9 % (3.0 to 3.5; 2.8 to 3.3) of flat studies, so in
    2.0 to 2.5 % (2.1 to 2.6; 2.2 to 2.6; nominal 2.5 %).

    The interval holds the gain of the recipes, over new images and new trainings. v_image carries
    a little of the runs' spread too, which makes it slightly wide. With one training in an arm
    v_run is unknown and left out, and the note says so. The generator behind the images counts as
    given, unless groups say which of G trained generators each training belongs to. Then the arm's
    G generator means take the place of its trainings (`independent_runs`): s²/G holds generators
    and trainings alike, with G - 1 degrees of freedom, and t is the weighted one of few degrees of
    freedom (`StandardError.quantile`). Two generators leave one degree of freedom, and the note
    says so: an interval in which their spread counts is two to four times as wide as with many.

    More than two classes: the macro one-against-the-rest AUC, with the variance of its influence.
    Fewer than 10 images in a class: v_image and its degrees of freedom are those of the
    class-stratified bootstrap (`bootstrap_variance`), and the note says so. Patients with several
    images: v_image is over patients (`auc_influence`), and wherever images are counted above,
    patients are.

    Args:
        labels: (N,) class indices; 1 is the positive class of two.
        base: (R, N, C) class probabilities, or (R, N) positive-class scores, of the base arm.
        chosen: The same for the chosen amount; its R may be another one.
        confidence: Of the interval, between 0 and 1.
        base_groups: (R,) integers, the generator behind each training of the base arm; None: none,
            or one that counts as given. Each has as many trainings. Numbers that both arms have
            are the same generator.
        chosen_groups: The same of the chosen arm.
        patients: (N,) integers, equal ones are one patient; None: every image is of another.

    Raises:
        ValueError: Shapes that do not match, NaN scores, a class without images, groups that are
            uneven or alone, or a confidence outside its range.
    """
    check_confidence(confidence)
    labels, base, chosen = np.asarray(labels), np.asarray(base), np.asarray(chosen)
    base_aucs, base_influence = _influence("base", labels, base, patients)
    chosen_aucs, chosen_influence = _influence("chosen", labels, chosen, patients)
    if np.ndim(base) != np.ndim(chosen) or np.shape(base)[2:] != np.shape(chosen)[2:]:
        raise ValueError(
            "base and chosen must have the same classes but have shapes "
            f"{np.shape(base)} and {np.shape(chosen)}; score both arms with one set of classes."
        )
    gain = float(chosen_aucs.mean() - base_aucs.mean())
    influence = chosen_influence.mean(axis=0) - base_influence.mean(axis=0)
    notes = [ONE_RUN] if min(len(base_aucs), len(chosen_aucs)) == 1 else []
    runs = independent_runs(base_aucs, chosen_aucs, base_groups, chosen_groups)
    if two_generators(base_groups, chosen_groups):
        notes.append(TWO_GENERATORS)
    true, arms = np.asarray(labels, dtype=np.int64), (as_classes(base), as_classes(chosen))
    own = numbered(patients, len(true))
    image_variance = variance_of(sums_of(influence, own))
    image_freedom = freedom_of(true, influence, own)
    fewest = fewest_of(true, own, arms[0].shape[2])
    if 1 < fewest < FEWEST_IMAGES:
        notes.append(FEW_IMAGES)
        image_variance, image_freedom = bootstrap_variance(true, *arms, patients)
    nested = base_groups is not None or chosen_groups is not None
    found = standard_error(image_variance, runs, image_freedom, nested)

    def ends(t: float) -> tuple[float, float]:
        return gain - t * found.se, gain + t * found.se

    return judged(gain, found, confidence, ends, notes)


def label_of(low: float, high: float) -> Label:
    """Return what an interval of a gain says; NaN ends say nothing."""
    if low > 0:
        return "helps"
    return "harms" if high < 0 else "no evidence"


def two_generators(*groups: ArrayLike | None) -> bool:
    """Whether trainings belong to two generators only."""
    return any(one is not None and len(np.unique(one)) == 2 for one in groups)


def without_interval(gain: float, se: float, note: str) -> Verdict:
    """Return the verdict on a gain that no interval can be given for."""
    nan = float("nan")
    return Verdict("no evidence", gain, nan, nan, se, nan, note)


def judged(
    gain: float,
    found: StandardError,
    confidence: float,
    ends: Callable[[float], tuple[float, float]],
    notes: Sequence[str],
) -> Verdict:
    """Return the verdict on a gain.

    Args:
        gain: The gain.
        found: Its standard error and degrees of freedom.
        confidence: Of the interval, between 0 and 1.
        ends: Gives the interval's two ends for the quantile of its t distribution.
        notes: What limits the answer.
    """
    nan = float("nan")
    if np.isnan(found.se):
        return without_interval(gain, nan, ONE_IMAGE)
    if found.se == 0 and abs(gain) >= 1e-12:
        return without_interval(gain, 0.0, DEGENERATE)
    note = "; ".join(notes)
    if found.se == 0:
        return Verdict("no evidence", 0.0, 0.0, 0.0, 0.0, nan, note)
    low, high = ends(found.quantile(confidence))
    freedom = found.freedom(confidence)
    return Verdict(label_of(low, high), gain, low, high, found.se, freedom, note)


def _influence(
    arm: str, labels: ArrayLike, probabilities: ArrayLike, patients: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    shape, count = np.shape(probabilities), np.size(labels)
    if len(shape) not in (2, 3) or shape[0] == 0 or shape[1] != count:
        raise ValueError(
            f"{arm} must be (R, N, C) or (R, N) with at least one training and N = {count} labels "
            f"but has shape {shape}; stack the probabilities of its trainings."
        )
    aucs, influence = influence_by_image(labels, probabilities, patients)
    if np.isnan(aucs).any():
        raise ValueError(
            f"the AUC of {arm} must be a number in every training but is not; a verdict needs "
            "test images of every class and probabilities without NaN."
        )
    return aucs, influence
