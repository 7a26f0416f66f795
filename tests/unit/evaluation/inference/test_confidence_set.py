import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import auc_covariance
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
SEED = Seed.of(0, "set")


def _scores(
    separations: list[float], replicates: int, n: int, number: int = 0
) -> tuple[NDArray[np.int64], Floats]:
    generator = Seed.of(len(separations), replicates, n, number).generator()
    labels = np.arange(n) % 2
    own = 0.7 * generator.normal(size=(len(separations), replicates, n))
    luck = 0.1 * generator.normal(size=(len(separations), replicates, 1))
    apart = np.array(separations)[:, None, None] + luck
    return labels, apart * labels + generator.normal(size=n) + own


def test_statistics_and_critical_values_in_plain_loops() -> None:
    labels, scores = _scores([1.0, 1.2, 1.4], 1, 60)
    aucs, s = auc_covariance(labels, scores[:, 0])
    found = confidence_set(labels, scores, 0.9, SEED, draws=50_000)
    drawn = Seed.of(1).generator().multivariate_normal(np.zeros(3), s, size=50_000)
    for k in range(3):
        se = [np.sqrt(s[j, j] + s[k, k] - 2 * s[j, k]) for j in range(3) if j != k]
        others = [j for j in range(3) if j != k]
        expected = max((aucs[j] - aucs[k]) / e for j, e in zip(others, se, strict=True))
        assert found.statistics[k] == pytest.approx(expected, rel=1e-9)
        largest = ((drawn[:, others] - drawn[:, [k]]) / se).max(axis=1)
        assert found.critical[k] == pytest.approx(np.quantile(largest, 0.9), abs=0.03)
        assert found.kept[k] == (found.statistics[k] <= found.critical[k])


def test_a_clear_loser_is_dropped_and_the_best_is_kept() -> None:
    labels, scores = _scores([0.2, 1.5, 1.5, 3.0], 3, 300)
    assert confidence_set(labels, scores, 0.95, SEED).kept.tolist() == [False, False, False, True]


def test_few_images_keep_almost_everything() -> None:
    labels, scores = _scores([1.2] * 12, 1, 39)
    assert confidence_set(labels, scores, 0.95, SEED).kept.sum() >= 11


def test_the_truly_best_is_in_the_set_as_often_as_promised() -> None:
    inside = 0
    for number in range(300):
        labels, scores = _scores([1.1, 1.1, 1.1, 1.1, 1.25], 2, 80, number)
        inside += confidence_set(labels, scores, 0.9, SEED, draws=500).kept[-1]
    assert inside / 300 > 0.88


def test_one_amount_and_equal_amounts_are_kept() -> None:
    labels, scores = _scores([1.2], 2, 40)
    assert confidence_set(labels, scores, 0.95, SEED).kept.tolist() == [True]
    same = np.repeat(scores[:, :1], 3, axis=0)
    found = confidence_set(labels, same, 0.95, SEED)
    assert found.kept.all()
    assert np.isnan(found.statistics).all()


def test_one_image_of_a_class_keeps_everything() -> None:
    scores = np.array([[[0.5, 0.6, 0.1]], [[0.9, 0.1, 0.2]]])
    assert confidence_set([1, 0, 0], scores, 0.95, SEED).kept.all()


def test_an_amount_without_a_score_is_out_and_changes_no_other() -> None:
    labels, scores = _scores([1.2, 1.3, 1.4], 2, 40)
    spoiled = scores.copy()
    spoiled[1, 0, 3] = np.nan
    found = confidence_set(labels, spoiled, 0.95, SEED)
    without = confidence_set(labels, scores[[0, 2]], 0.95, SEED)
    assert not found.kept[1]
    assert np.isnan(found.statistics[1])
    np.testing.assert_allclose(found.statistics[[0, 2]], without.statistics)
    np.testing.assert_allclose(found.critical[[0, 2]], without.critical)


def test_depends_on_the_seed_alone() -> None:
    labels, scores = _scores([1.2, 1.3, 1.4], 2, 40)
    first = confidence_set(labels, scores, 0.95, SEED)
    np.testing.assert_array_equal(
        confidence_set(labels, scores, 0.95, SEED).critical, first.critical
    )
    other = confidence_set(labels, scores, 0.95, SEED.child("other"))
    assert (other.critical != first.critical).all()


def test_refuses_a_missing_class() -> None:
    with pytest.raises(ValueError, match="images of every class and scores without NaN"):
        confidence_set([1] * 4, np.zeros((2, 1, 4)), 0.95, SEED)
