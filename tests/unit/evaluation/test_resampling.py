import numpy as np
import pytest

from augsearch.evaluation import resampling
from augsearch.evaluation.metrics import get_metric
from augsearch.evaluation.resampling import bootstrap_scores, resampled_counts, resampled_images
from augsearch.seeds import Seed


def test_every_class_keeps_its_size() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2])
    weights = resampled_images(Seed.of(0).generator(), labels, 50)
    for c in range(3):
        assert (weights[:, labels == c].sum(axis=1) == c + 1).all()
    assert len(np.unique(weights, axis=0)) > 10


@pytest.mark.parametrize(("size", "factor"), [(4, 1.0), (None, 0.8)])
def test_drawing_one_less_keeps_the_variance_of_a_mean(size: int | None, factor: float) -> None:
    values = np.array([0.1, 0.4, 0.45, 0.8, 2.0])
    counts = resampled_counts(Seed.of(1).generator(), 100_000, 5, size)
    means = counts @ values / (size or 5)
    assert means.var() == pytest.approx(factor * values.var(ddof=1) / 5, rel=0.02)
    assert means.mean() == pytest.approx(values.mean(), rel=0.01)


def test_all_trainings_are_scored_on_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Seed.of(2).generator()
    labels = np.arange(30) % 2
    given = generator.dirichlet(np.ones(2), size=(1, 30)).repeat(3, axis=0)
    monkeypatch.setattr(resampling, "_BLOCK_VALUES", 30 * 7)
    for name in ("auc", "accuracy", "brier"):
        drawn = bootstrap_scores(get_metric(name), labels, given, 20, Seed.of(3).generator())
        assert drawn.shape == (20, 3)
        np.testing.assert_allclose(drawn, drawn[:, :1].repeat(3, axis=1), atol=1e-15)
        assert np.ptp(drawn[:, 0]) > 0
