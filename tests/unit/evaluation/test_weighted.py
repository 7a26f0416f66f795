import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from augsearch.evaluation import weighted
from augsearch.evaluation.metrics import get_metric
from augsearch.evaluation.resampling import resampled_images, scores_of_draws
from augsearch.seeds import Seed


def _task(n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return labels, tied probabilities of three trainings, and how often draws hold an image."""
    generator = Seed.of(n_classes).generator()
    labels = generator.permutation(np.arange(40) % n_classes)
    votes = generator.integers(1, 6, (3, 40, n_classes)) + 2 * np.eye(n_classes)[labels]
    weights = resampled_images(generator, labels, 25)
    return labels, votes / votes.sum(axis=-1, keepdims=True), weights


@pytest.mark.parametrize(
    ("name", "n_classes"),
    [("auc", 2), ("auc", 4), ("brier", 2), ("brier", 4), ("sensitivity@0.80", 2)],
)
def test_draws_equal_the_metric_of_repeated_images(name: str, n_classes: int) -> None:
    labels, given, weights = _task(n_classes)
    metric = get_metric(name)
    found = scores_of_draws(metric, labels, given, weights)
    rows = [np.repeat(np.arange(40), row) for row in weights]
    expected = [[metric(labels[d], p[d]) for p in given] for d in rows]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_fractional_weights_equal_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, given, _ = _task(2)
    weights = Seed.of(1).generator().random((3, 40)) + 0.01
    monkeypatch.setattr(weighted, "_BLOCK_VALUES", 60)
    found = weighted.macro_auc(labels, given[0], weights)
    expected = [roc_auc_score(labels, given[0, :, 1], sample_weight=row) for row in weights]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    found = weighted.sensitivity_at(0.7, labels, given[0], weights)
    for value, row in zip(found, weights, strict=True):
        false, true, _ = roc_curve(
            labels, given[0, :, 1], sample_weight=row, drop_intermediate=False
        )
        assert value == pytest.approx(true[false <= 0.3 + 1e-12].max(), abs=1e-12)


def test_ties_and_infinities_are_ordered() -> None:
    found = weighted.right_pairs(np.array([np.inf, 1.0, -np.inf]), np.array([np.inf, 1.0]))
    assert found.tolist() == [[0.5, 1.0], [0.0, 0.5], [0.0, 0.0]]
