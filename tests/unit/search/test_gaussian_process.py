import doctest
import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from augsearch.search import gaussian_process, smoothed
from augsearch.search.gaussian_process import AMPLITUDES, LENGTH_SCALES

TRIED = np.array([1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60])
rng = np.random.default_rng(0)
SCORES = 0.8 + 0.05 * (1 - np.exp(-TRIED / 5)) + 0.02 * rng.standard_normal(len(TRIED))
NOISE = rng.uniform(0.01, 0.03, len(TRIED)) ** 2
FLAT = 1e3  # variance of a constant that is as good as unknown beside scores of about 0.8


def reference(length, amplitude):
    """Return mean, sd and log marginal likelihood by scikit-learn."""
    kernel = amplitude**2 * RBF(length, "fixed") + ConstantKernel(FLAT, "fixed")
    kernel.k1.k1.constant_value_bounds = "fixed"
    process = GaussianProcessRegressor(kernel, alpha=NOISE, optimizer=None)
    process.fit(np.log(TRIED)[:, None], SCORES - SCORES.mean())
    mean, sd = process.predict(np.log(TRIED)[:, None], return_std=True)
    # The likelihood of a flat prior: that of a wide one without the wide one's height.
    flat = process.log_marginal_likelihood_value_ + 0.5 * math.log(FLAT)
    return mean + SCORES.mean(), sd, flat + len(TRIED) / 2 * math.log(2 * math.pi)


@pytest.mark.parametrize("length", LENGTH_SCALES)
@pytest.mark.parametrize("amplitude", AMPLITUDES)
def test_one_process_is_scikit_learns(monkeypatch, length, amplitude):
    monkeypatch.setattr(gaussian_process, "_GRID", np.array([[length, amplitude]]))
    found = smoothed(TRIED, SCORES, NOISE)
    mean, sd, _ = reference(length, amplitude)
    assert np.array_equal(found.at, TRIED)
    np.testing.assert_allclose(found.mean, mean, atol=1e-7)
    np.testing.assert_allclose(found.sd, sd, atol=1e-6)


def test_the_average_weighs_by_likelihood_and_log_normal_priors():
    moments, weights = [], []
    for length in (0.5, 0.8, 1.3):
        for amplitude in (0.01, 0.02, 0.03, 0.05, 0.08):
            mean, sd, likelihood = reference(length, amplitude)
            log_prior = -(math.log(length / 0.8) ** 2) / (2 * 0.5**2)
            log_prior -= math.log(amplitude / 0.03) ** 2 / (2 * 0.8**2)
            moments.append((mean, sd**2 + mean**2))
            weights.append(math.exp(likelihood + log_prior))
    mean, square = np.average(moments, axis=0, weights=weights)
    found = smoothed(TRIED, SCORES, NOISE)
    np.testing.assert_allclose(found.mean, mean, atol=1e-7)
    np.testing.assert_allclose(found.sd, np.sqrt(square - mean**2), atol=1e-5)


def test_one_and_two_points():
    one = smoothed([3], [0.7], 0.01**2)
    assert one.mean == pytest.approx([0.7])
    assert one.sd == pytest.approx([0.01])
    two = smoothed([1, 2], [0.7, 0.8], 0.02**2)
    assert 0.7 < two.mean[0] < two.mean[1] < 0.8
    assert two.mean.mean() == pytest.approx(0.75)


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
