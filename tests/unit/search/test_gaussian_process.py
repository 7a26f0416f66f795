import doctest
import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from augsearch.search import gaussian_process, smoothed
from augsearch.search.gaussian_process import AMPLITUDES, LENGTH_SCALES

TRIED = np.array([1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60])
WANTED = np.array([1, 2.5, 11, 60, 100])
rng = np.random.default_rng(0)
SCORES = 0.8 + 0.05 * (1 - np.exp(-TRIED / 5)) + 0.02 * rng.standard_normal(len(TRIED))
NOISE = rng.uniform(0.01, 0.03, len(TRIED)) ** 2
FLAT = 1e3  # variance of a constant that is as good as unknown beside scores of about 0.8


def reference(length, amplitude, tried=TRIED, scores=SCORES, noise=NOISE, at=TRIED):
    """Return mean, sd and log marginal likelihood by scikit-learn."""
    kernel = amplitude**2 * RBF(length, "fixed") + ConstantKernel(FLAT, "fixed")
    kernel.k1.k1.constant_value_bounds = "fixed"
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    process.fit(np.log(tried)[:, None], scores - scores.mean())
    mean, sd = process.predict(np.log(at)[:, None], return_std=True)
    # The likelihood of a flat prior: that of a wide one without the wide one's height.
    flat = process.log_marginal_likelihood_value_ + 0.5 * math.log(FLAT)
    return mean + scores.mean(), sd, flat + len(tried) / 2 * math.log(2 * math.pi)


@pytest.mark.parametrize("length", LENGTH_SCALES)
@pytest.mark.parametrize("amplitude", AMPLITUDES)
@pytest.mark.parametrize("at", [TRIED, WANTED])
def test_one_process_is_scikit_learns(monkeypatch, length, amplitude, at):
    monkeypatch.setattr(gaussian_process, "_GRID", np.array([[length, amplitude]]))
    found = smoothed(TRIED, SCORES, NOISE, at)
    mean, sd, likelihood = reference(length, amplitude, at=at)
    assert np.array_equal(found.at, at)
    np.testing.assert_allclose(found.mean, mean, atol=1e-7)
    np.testing.assert_allclose(found.sd, sd, atol=1e-6)
    assert found.log_evidence == pytest.approx(likelihood, abs=1e-5)


def test_the_average_weighs_by_likelihood_and_log_normal_priors():
    moments, weights = [], []
    for length in (0.5, 0.8, 1.3):
        for amplitude in (0.01, 0.02, 0.03, 0.05, 0.08):
            mean, sd, likelihood = reference(length, amplitude, at=WANTED)
            log_prior = -(math.log(length / 0.8) ** 2) / (2 * 0.5**2)
            log_prior -= math.log(amplitude / 0.03) ** 2 / (2 * 0.8**2)
            moments.append((mean, sd**2 + mean**2))
            weights.append(math.exp(likelihood + log_prior))
    mean, square = np.average(moments, axis=0, weights=weights)
    found = smoothed(TRIED, SCORES, NOISE, WANTED)
    np.testing.assert_allclose(found.mean, mean, atol=1e-7)
    np.testing.assert_allclose(found.sd, np.sqrt(square - mean**2), atol=1e-5)


def test_many_curves_at_once_are_each_alone():
    scores = SCORES + 0.02 * rng.standard_normal((2, 3, len(TRIED)))
    noise = NOISE * rng.uniform(0.5, 2, (3, 1))
    found = smoothed(TRIED, scores, noise, WANTED)
    assert found.mean.shape == found.sd.shape == (2, 3, len(WANTED))
    assert found.log_evidence.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        alone = smoothed(TRIED, scores[i, j], noise[j], WANTED)
        np.testing.assert_allclose(found.mean[i, j], alone.mean, atol=1e-12)
        np.testing.assert_allclose(found.sd[i, j], alone.sd, atol=1e-12)
        assert found.log_evidence[i, j] == pytest.approx(alone.log_evidence)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_left_out(bad):
    scores, kept = SCORES.copy(), np.ones(len(TRIED), dtype=bool)
    scores[[0, 4, 9]], kept[[0, 4, 9]] = bad, False
    found = smoothed(TRIED, scores, NOISE)
    without = smoothed(TRIED[kept], SCORES[kept], NOISE[kept], at=TRIED)
    np.testing.assert_allclose(found.mean, without.mean, atol=1e-12)
    np.testing.assert_allclose(found.sd, without.sd, atol=1e-12)
    assert found.log_evidence == pytest.approx(without.log_evidence)


def test_one_and_two_points():
    one = smoothed([3], [0.7], 0.01**2, at=[3, 1e6])
    assert one.mean == pytest.approx([0.7, 0.7])
    assert one.sd[0] == pytest.approx(0.01)
    assert one.sd[1] > 0.03  # nothing is known far away
    two = smoothed([1, 2], [0.7, 0.8], 0.02**2)
    assert 0.7 < two.mean[0] < two.mean[1] < 0.8
    assert two.mean.mean() == pytest.approx(0.75)
    none = smoothed([1, 2], [[math.nan, math.nan], [0.7, 0.7]], 0.02**2)
    assert np.isnan(none.mean[0]).all()
    assert none.mean[1] == pytest.approx([0.7, 0.7])


def test_little_noise_is_followed_and_much_is_not():
    zigzag = np.where(np.arange(len(TRIED)) % 2, 0.82, 0.78)
    assert smoothed(TRIED, zigzag, 0).mean == pytest.approx(zigzag, abs=1e-3)
    assert np.ptp(smoothed(TRIED, zigzag, 0.05**2).mean) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.5, 0.5], 1), "multiples must be a list of numbers above 0"),
        (([1, math.nan], [0.5, 0.5], 1), "multiples must be a list of numbers above 0"),
        (([[1, 2]], [0.5, 0.5], 1), "multiples must be a list of numbers above 0"),
        (([1, 2], [0.5, 0.5], 1, [-1]), "multiples must be a list of numbers above 0"),
        (([1, 2], [0.5], 1), r"each of the 2 multiples but have shape \(1,\)"),
        (([1, 2], 0.5, 1), r"each of the 2 multiples but have shape \(\)"),
        (([1, 2], [0.5, 0.5], [1, -1]), "variances must be at least 0 but the least is -1"),
    ],
)
def test_what_is_no_curve(arguments, message):
    with pytest.raises(ValueError, match=message):
        smoothed(*arguments)


def test_the_docstring_is_true():
    outcome = doctest.testmod(gaussian_process)
    assert outcome.attempted > 0
    assert outcome.failed == 0
