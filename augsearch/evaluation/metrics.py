"""Scores of class probabilities against labels, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augsearch.errors import AugsearchError
from augsearch.evaluation import confusion, weighted
from augsearch.evaluation.ranking import placements
from augsearch.study.metric_names import (
    METRIC_PLUGINS,
    metric_plugins,
    metric_problem,
    specificity_of,
)

Floats = NDArray[np.float64]
Score = Callable[[NDArray[np.int64], Floats], float]
WeightedScore = Callable[[NDArray[np.int64], Floats, Floats], Floats]


@dataclass(frozen=True)
class Metric:
    """A named score: call it with labels and class probabilities.

    Attributes:
        name: As in the study file.
        greater_is_better: Whether a larger score is a better one.
        function: Pure, (labels int64 (N,), probabilities float64 (N, C)) -> float; it is called
            only if all probabilities are numbers and all classes occur.
        two_classes_only: Whether it is undefined for more than two classes.
        of_confusion: The same score from confusion matrices, (..., C, C) -> (...), for metrics
            that depend on the decisions alone; None for the others.
        of_weights: The same score of many weightings of the images at once, (labels (N,),
            probabilities (N, C), weights (D, N)) -> (D,), which makes a bootstrap fast; None where
            there is no such form.
    """

    name: str
    greater_is_better: bool
    function: Score
    two_classes_only: bool = False
    of_confusion: Callable[[Floats], Floats] | None = None
    of_weights: WeightedScore | None = None

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Which way it is better."""
        return "maximize" if self.greater_is_better else "minimize"

    @property
    def sign(self) -> int:
        """Factor that makes larger ones better: 1 or -1."""
        return 1 if self.greater_is_better else -1

    def __call__(self, labels: ArrayLike, probabilities: ArrayLike) -> float:
        """Return the score of one model.

        Args:
            labels: Integers, (N,), 0 to C - 1; with two classes 1 is the positive one.
            probabilities: (N, C), C at least 2; column c belongs to class c.

        Returns:
            The score; NaN if a probability is NaN or a class does not occur among the labels.

        Raises:
            ValueError: Shapes or labels that do not match.
            AugsearchError: More classes than the metric takes.
        """
        true, given = check(labels, probabilities)
        self.check_classes(given.shape[1])
        present = np.bincount(true, minlength=given.shape[1])
        if np.isnan(given).any() or not present.all():
            return float("nan")
        return float(self.function(true, given))

    def check_classes(self, n_classes: int) -> None:
        """Make sure that the metric is defined for this number of classes.

        Raises:
            AugsearchError: It is not.
        """
        if self.two_classes_only and n_classes > 2:
            raise AugsearchError(
                f"{self.name} must be used with 2 classes but there are {n_classes}; "
                "take auc, balanced_accuracy, f1 or kappa."
            )


def auc(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """Return the area under the ROC curve: the share of pairs of classes in the right order.

    Ties count half (Mann-Whitney).

    Args:
        labels: (N,), 1 for the positive class.
        scores: (..., N), one row of positive-class scores per model.

    Returns:
        float64, (...), 0 to 1; NaN for a model with a NaN score or if a class is missing.

    Example:
        >>> auc([0, 0, 1, 1], [[0.1, 0.4, 0.35, 0.8], [1, 2, 3, 4]]).tolist()
        [0.75, 1.0]
    """
    positive = np.asarray(labels) == 1
    if not positive.any():
        return np.full(np.shape(scores)[:-1], np.nan)
    return np.asarray(placements(labels, scores)[..., positive].mean(axis=-1))


def auc_per_class(labels: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Return the AUC of every class against the rest.

    Args:
        labels: Integers, (N,), 0 to C - 1.
        probabilities: (..., N, C); column c orders the images for class c.

    Returns:
        float64, (..., C), 0 to 1. NaN for a class without images, or with all of them, and for a
        column with a NaN.

    Raises:
        ValueError: Shapes or labels that do not match.
    """
    true, given = check(labels, probabilities)
    return np.stack([auc(true == c, given[..., c]) for c in range(given.shape[-1])], axis=-1)


def macro_auc(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the AUC of column 1 for two classes, the mean one-against-the-rest AUC for more.

    Args:
        labels: Integers, (N,), 0 to C - 1.
        probabilities: (N, C).

    Raises:
        ValueError: Shapes or labels that do not match.
    """
    aucs = auc_per_class(labels, probabilities)
    return float(aucs[1] if len(aucs) == 2 else aucs.mean())


def check(
    labels: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels (N,) and probabilities (..., N, C) as arrays that fit together.

    Raises:
        ValueError: They do not.
    """
    true, given = _whole_numbers(labels), np.asarray(probabilities, dtype=np.float64)
    if true.ndim != 1 or given.ndim < 2 or given.shape[-2] != len(true) or given.shape[-1] < 2:
        raise ValueError(
            f"labels must be (N,) and probabilities (..., N, C), C at least 2, but got "
            f"{true.shape} and {given.shape}; give one probability per image and class."
        )
    if true.size and not 0 <= true.min() <= true.max() < given.shape[-1]:
        raise ValueError(
            f"labels must lie between 0 and {given.shape[-1] - 1} but go from {true.min()} to "
            f"{true.max()}; number the classes as the columns of the probabilities."
        )
    return true, given


def _whole_numbers(labels: ArrayLike) -> NDArray[np.int64]:
    given = np.asarray(labels)
    kind = given.dtype.kind
    is_whole = kind in "biu" or (
        kind == "f" and bool((np.isfinite(given) & (np.floor(given) == given)).all())
    )
    if not is_whole:
        raise ValueError(
            f"labels must be whole numbers but are other {given.dtype} values; number the classes "
            "as the columns of the probabilities."
        )
    return given.astype(np.int64)


def get_metric(name: str) -> Metric:
    """Return the metric called `name`: built in, or an entry point of augsearch.metrics.

    ``sensitivity@S`` with S between 0 and 1 is built in too: the largest sensitivity at which the
    specificity is at least S.

    Raises:
        AugsearchError: There is none; the message lists those there are.
    """
    if not isinstance(name, str):
        raise AugsearchError(f"metric must be the name of one, as 'auc', but got {name!r}.")
    problem = metric_problem(name)
    if problem is not None:
        raise AugsearchError(f"metric {problem}.")
    if name in _METRICS:
        return _METRICS[name]
    specificity = specificity_of(name)
    if specificity is not None:
        return _weighted_metric(name, True, partial(weighted.sensitivity_at, specificity), True)
    try:
        found = metric_plugins()[name].load()
    except Exception as error:
        raise AugsearchError(
            f"entry point {name!r} of {METRIC_PLUGINS} must be importable but raised "
            f"{type(error).__name__}: {error}; mend or remove the package that brings it."
        ) from error
    if isinstance(found, Metric) and found.name == name:
        return found
    raise AugsearchError(
        f"entry point {name!r} of {METRIC_PLUGINS} must be a Metric of that name but is {found!r}; "
        "register an augsearch.evaluation.metrics.Metric."
    )


def _of_equal_weights(
    of_weights: WeightedScore, labels: NDArray[np.int64], probabilities: Floats
) -> float:
    return float(of_weights(labels, probabilities, np.ones((1, len(labels))))[0])


def _weighted_metric(
    name: str, greater_is_better: bool, of_weights: WeightedScore, two_classes_only: bool = False
) -> Metric:
    function = partial(_of_equal_weights, of_weights)
    return Metric(name, greater_is_better, function, two_classes_only, of_weights=of_weights)


def _of_decisions(
    of_confusion: Callable[[Floats], Floats], labels: NDArray[np.int64], probabilities: Floats
) -> float:
    counts = confusion.count(labels, confusion.decide(probabilities), probabilities.shape[1])
    return float(of_confusion(counts))


def _decision_metric(name: str, of_confusion: Callable[[Floats], Floats]) -> Metric:
    function = partial(_of_decisions, of_confusion)
    return Metric(name, True, function, of_confusion=of_confusion)


_METRICS = {
    metric.name: metric
    for metric in (
        Metric("auc", True, macro_auc, of_weights=weighted.macro_auc),
        _decision_metric("accuracy", confusion.accuracy),
        _decision_metric("balanced_accuracy", confusion.balanced_accuracy),
        _decision_metric("f1", confusion.f1),
        _decision_metric("kappa", confusion.kappa),
        _decision_metric("sensitivity", confusion.sensitivity),
        _decision_metric("specificity", confusion.specificity),
        _decision_metric("ppv", confusion.ppv),
        _decision_metric("npv", confusion.npv),
        _weighted_metric("brier", False, weighted.brier),
    )
}
