import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from augsearch.evaluation.inference.delong import (
    auc_covariance,
    auc_influence,
    delong_test,
)
from augsearch.seeds import Seed

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0])
A = np.array([0.9, 0.8, 0.35, 0.6, 0.4, 0.3, 0.7, 0.1])
B = np.array([0.8, 0.9, 0.6, 0.7, 0.2, 0.5, 0.4, 0.3])


def _naive_delong(
    labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return AUCs and covariance straight from the paper: all pairs, two sample covariances."""

    def psi(x: float, y: float) -> float:
        return 1.0 if y < x else 0.5 if y == x else 0.0

    positives, negatives = scores[:, labels == 1], scores[:, labels == 0]
    kernel = np.array(
        [[[psi(x, y) for y in n] for x in p] for p, n in zip(positives, negatives, strict=True)]
    )
    s10 = np.atleast_2d(np.cov(kernel.mean(axis=2)))
    s01 = np.atleast_2d(np.cov(kernel.mean(axis=1)))
    return kernel.mean(axis=(1, 2)), s10 / positives.shape[1] + s01 / negatives.shape[1]


def _models(levels: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    generator = Seed.of(levels).generator()
    labels = generator.permutation([1] * 12 + [0] * 19)
    shared = generator.normal(size=31)
    scores = labels + shared + generator.normal(size=(4, 31))
    return labels, (scores * levels).round()


def test_the_worked_example() -> None:
    found = delong_test(LABELS, A, B)
    assert found.auc_a == pytest.approx(13 / 16, abs=1e-12)
    assert found.auc_b == pytest.approx(1, abs=1e-12)
    assert found.variance == pytest.approx(11 / 384, abs=1e-12)
    assert found.z == pytest.approx(-1.1078234188, abs=1e-9)
    assert found.p_value == pytest.approx(0.2679380841, abs=1e-9)


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_covariance_equals_the_paper_in_plain_loops(levels: int) -> None:
    labels, scores = _models(levels)
    expected_aucs, expected_covariance = _naive_delong(labels, scores)
    aucs, covariance = auc_covariance(labels, scores)
    np.testing.assert_allclose(aucs, expected_aucs, atol=1e-14)
    np.testing.assert_allclose(covariance, expected_covariance, atol=1e-14)


def test_test_agrees_with_the_covariance() -> None:
    labels, scores = _models(3)
    aucs, s = auc_covariance(labels, scores)
    found = delong_test(labels, scores[1], scores[2])
    assert found.variance == pytest.approx(s[1, 1] + s[2, 2] - 2 * s[1, 2], rel=1e-12)
    assert found.z == pytest.approx((aucs[1] - aucs[2]) / math.sqrt(found.variance), rel=1e-12)


def test_class_probabilities_of_two_classes_are_the_same_as_scores() -> None:
    positive = np.stack([A, B])
    both = np.stack([1 - positive, positive], axis=-1)
    for from_scores, from_both in zip(
        auc_influence(LABELS, positive), auc_influence(LABELS, both), strict=True
    ):
        np.testing.assert_array_equal(from_both, from_scores)
    assert delong_test(LABELS, both[0], both[1]) == delong_test(LABELS, A, B)


def _three_classes(n: int, seed: Seed) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    generator = seed.generator()
    labels = generator.integers(0, 3, n)
    votes = np.exp(generator.normal(size=(n, 3)) + 1.5 * np.eye(3)[labels])
    return labels, votes / votes.sum(axis=1, keepdims=True)


def test_more_classes_give_the_macro_auc() -> None:
    labels, given = _three_classes(50, Seed.of(0))
    aucs, influence = auc_influence(labels, given[None])
    assert aucs[0] == pytest.approx(roc_auc_score(labels, given, multi_class="ovr"), abs=1e-12)
    assert influence.sum() == pytest.approx(0, abs=1e-12)


def test_variance_of_the_macro_auc_is_that_over_new_samples() -> None:
    samples = [_three_classes(90, Seed.of(1, i)) for i in range(600)]
    found = [auc_covariance(labels, given[None]) for labels, given in samples]
    spread = np.var([aucs[0] for aucs, _ in found], ddof=1)
    assert np.mean([covariance[0, 0] for _, covariance in found]) == pytest.approx(spread, rel=0.15)


def test_equal_scores_have_no_difference() -> None:
    found = delong_test(LABELS, A, A**3)
    assert (found.variance, found.z, found.p_value) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("worse", "auc"), [([0] * 4 + [1] * 4, 0.0), ([0.5] * 8, 0.5)], ids=["reversed", "constant"]
)
def test_no_variance_but_a_difference_is_degenerate(worse: list[float], auc: float) -> None:
    found = delong_test(LABELS, LABELS, worse)
    assert (found.auc_a, found.auc_b, found.variance) == (1.0, auc, 0.0)
    assert math.isnan(found.z)
    assert math.isnan(found.p_value)


def test_a_variance_of_rounding_alone_is_none() -> None:
    # Every placement differs by one half between these two, but not in binary fractions.
    found = delong_test([1, 1, 0, 0, 0], [1, 1, 0, 0, 1], [3, 3, 3, 3, 5])
    assert found.auc_a - found.auc_b == pytest.approx(0.5)
    assert found.variance == 0
    assert math.isnan(found.p_value)


def test_one_image_of_a_class_leaves_the_variance_open() -> None:
    found = delong_test([1, 0, 0], [0.5, 0.3, 0.6], [0.9, 0.1, 0.2])
    assert (found.auc_a, found.auc_b) == (0.5, 1.0)
    assert math.isnan(found.variance)
    assert math.isnan(found.p_value)


def test_one_class_or_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="images of every class and scores that are numbers"):
        delong_test([1, 1], [0.1, 0.2], [0.3, 0.4])
    with pytest.raises(ValueError, match="images of every class and scores that are numbers"):
        delong_test([0, 1], [0.1, np.nan], [0.3, 0.4])
    assert np.isnan(auc_influence([0, 0], [[0.1, 0.2]])[0]).all()


def test_refuses_shapes_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"same images but have shapes \(8,\) and \(7,\)"):
        delong_test(LABELS, A, B[:7])
    with pytest.raises(ValueError, match=r"must be \(M, N, C\) or \(M, N\)"):
        auc_influence(LABELS, np.zeros((2, 2, 8, 2)))
    with pytest.raises(ValueError, match="between 0 and 1 but go from 0 to 2"):
        auc_influence([0, 1, 2], np.zeros((1, 3)))
