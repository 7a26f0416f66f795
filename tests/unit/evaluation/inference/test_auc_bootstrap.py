import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.evaluation.inference.auc_bootstrap import bootstrap_variance
from augsearch.evaluation.inference.delong import auc_covariance
from augsearch.evaluation.resampling import resampled_counts
from augsearch.evaluation.weighted import macro_auc
from augsearch.seeds import Seed

Floats = NDArray[np.float64]


def _arms(*sizes: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    generator = Seed.of("bootstrap", *sizes).generator()
    labels = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    votes = generator.integers(1, 9, (5, len(labels), len(sizes)))
    given = votes + 3.0 * np.eye(len(sizes))[labels]
    return labels, given[:2] / 20, given[2:] / 20


@pytest.mark.parametrize("sizes", [(5, 12), (9, 2), (4, 7, 12), (3, 4, 5, 6)])
def test_is_the_variance_of_very_many_draws(sizes: tuple[int, ...]) -> None:
    labels, base, chosen = _arms(*sizes)
    generator, draws = Seed.of(0).generator(), 40_000
    weights = np.zeros((draws, len(labels)))
    for c, size in enumerate(sizes):
        members = np.flatnonzero(labels == c)
        # The AUC of a draw does not depend on how many images of a class it holds.
        weights[:, members] = resampled_counts(generator, draws, size, size - 1)
    gains = np.mean([macro_auc(labels, one, weights) for one in chosen], axis=0)
    gains -= np.mean([macro_auc(labels, one, weights) for one in base], axis=0)
    assert bootstrap_variance(labels, base, chosen)[0] == pytest.approx(gains.var(), rel=0.03)


def test_two_classes_add_the_interaction_to_delong() -> None:
    labels, base, chosen = _arms(6, 9)
    both = np.concatenate([base[:1], chosen[:1]])[..., 1]
    _, s = auc_covariance(labels, both)
    positive = labels == 1
    wins = [
        (one[positive, None] > one[~positive]) + 0.5 * (one[positive, None] == one[~positive])
        for one in both
    ]
    ahead = wins[1] - wins[0]
    rest = ahead - ahead.mean(axis=0) - ahead.mean(axis=1, keepdims=True) + ahead.mean()
    interaction = (rest**2).sum() / (9 * 6) / (8 * 5)
    found, freedom = bootstrap_variance(labels, base[:1], chosen[:1])
    assert found == pytest.approx(s[0, 0] + s[1, 1] - 2 * s[0, 1] + interaction, rel=1e-12)
    v10, v01 = ahead.mean(axis=1).var(ddof=1) / 9, ahead.mean(axis=0).var(ddof=1) / 6
    assert freedom == pytest.approx((v10 + v01) ** 2 / (v10**2 / 8 + v01**2 / 5), rel=1e-12)


def test_equal_arms_have_no_variance() -> None:
    labels, base, _ = _arms(4, 7, 12)
    assert bootstrap_variance(labels, base, base[::-1]) == (0.0, 3.0)
