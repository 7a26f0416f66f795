import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.evaluation.inference.delong import auc_covariance
from augsearch.evaluation.inference.search_curve import SearchCurve
from augsearch.evaluation.metrics import auc
from augsearch.seeds import Seed


def _scores(amounts: int, replicates: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    generator = Seed.of(amounts, replicates, n).generator()
    labels = np.arange(n) % 2
    noise = generator.normal(size=n) + 0.7 * generator.normal(size=(amounts, replicates, n))
    return labels, labels + noise


def test_covariance_is_delongs_plus_the_pooled_run_variance() -> None:
    labels, scores = _scores(4, 3, 40)
    curve = SearchCurve.of(labels, scores)
    aucs, s = auc_covariance(labels, scores.reshape(12, 40))
    of_images = s.reshape(4, 3, 4, 3).mean(axis=(1, 3))
    of_runs = aucs.reshape(4, 3).var(axis=1, ddof=1).mean() / 3
    np.testing.assert_allclose(curve.aucs, auc(labels, scores).mean(axis=1))
    np.testing.assert_allclose(curve.covariance, of_images + of_runs * np.eye(4), atol=1e-15)
    expected = [
        [np.sqrt(a + b - 2 * c) for b, c in zip(np.diag(curve.covariance), row, strict=True)]
        for a, row in zip(np.diag(curve.covariance), curve.covariance, strict=True)
    ]
    np.testing.assert_allclose(curve.standard_errors(), expected, atol=1e-9)


def test_errors_have_the_covariance_even_where_it_is_singular() -> None:
    labels, scores = _scores(15, 1, 10)
    curve = SearchCurve.of(labels, scores)
    assert np.linalg.matrix_rank(curve.covariance, tol=1e-12) < 10
    drawn, more = curve.errors(200_000, Seed.of(0))
    assert not more.any()  # one training of each amount: no variance of trainings to be unsure of
    scale = np.sqrt(np.outer(np.diag(curve.covariance), np.diag(curve.covariance)))
    assert np.abs((np.cov(drawn) - curve.covariance) / scale).max() < 0.02


def test_a_draw_says_what_run_variance_it_could_have_shown() -> None:
    labels, scores = _scores(4, 3, 40)
    scores[0] = scores[0, :1]  # trainings that do not differ tell nothing of those that do
    curve = SearchCurve.of(labels, scores)
    assert curve.run_variance == pytest.approx(auc(labels, scores).var(axis=1, ddof=1).mean() / 3)
    assert curve.run_freedom == 3 * 2
    shown = curve.errors(100_000, Seed.of(0))[1] / (2 * curve.run_variance) + 1
    assert shown.mean() == pytest.approx(1, rel=0.02)
    assert shown.var() == pytest.approx(2 / 6, rel=0.05)


def test_an_amount_with_nan_leaves_the_others_as_they_are() -> None:
    labels, scores = _scores(4, 3, 40)
    spoiled = scores.copy()
    spoiled[2, 1, 5] = np.nan
    curve = SearchCurve.of(labels, spoiled)
    known = np.array([True, True, False, True])
    assert np.isnan(curve.aucs).tolist() == (~known).tolist()
    other = SearchCurve.of(labels, scores[known])
    np.testing.assert_allclose(curve.among(known).covariance, other.covariance, atol=1e-15)


def test_identical_amounts_have_no_error_of_their_difference() -> None:
    labels, scores = _scores(2, 1, 40)
    curve = SearchCurve.of(labels, np.concatenate([scores, np.exp(scores[:1])]))
    errors = curve.standard_errors()
    assert errors[0, 2] == errors[2, 0] == errors[1, 1] == 0
    assert errors[0, 1] > 0.01


@pytest.mark.parametrize("shape", [(3, 8), (0, 2, 8), (2, 0, 8), (1, 1, 1, 8, 2)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(K, R, N\) or \(K, R, N, C\)"):
        SearchCurve.of([0, 1] * 4, np.zeros(shape))


def test_refuses_a_missing_class_and_nothing_but_nan() -> None:
    for labels, value in (([1] * 8, 0.5), ([0, 1] * 4, np.nan)):
        with pytest.raises(ValueError, match="the AUC of one amount at least must be a number"):
            SearchCurve.of(labels, np.full((2, 2, 8), value))
