import numpy as np
import pytest

from augsearch.evaluation.images.kid import kid, polynomial_mmd
from augsearch.seeds import Seed

SEED = Seed.of(0)


def torchmetrics_mmd(real, fake, degree=3, coef=1.0):
    """torchmetrics' poly_mmd and maximum_mean_discrepancy, step by step, in plain sums."""
    gamma = 1.0 / real.shape[1]
    k_11 = (real @ real.T * gamma + coef) ** degree
    k_22 = (fake @ fake.T * gamma + coef) ** degree
    k_12 = (real @ fake.T * gamma + coef) ** degree
    m = len(real)
    kt_xx_sums = k_11.sum(axis=-1) - np.diag(k_11)
    kt_yy_sums = k_22.sum(axis=-1) - np.diag(k_22)
    value = (kt_xx_sums.sum() + kt_yy_sums.sum()) / (m * (m - 1))
    return value - 2 * k_12.sum(axis=0).sum() / m**2


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_mmd_is_that_of_torchmetrics(scale):
    random = np.random.default_rng(0)
    real, fake = scale * random.normal(size=(40, 16)), scale * (random.normal(size=(40, 16)) + 0.3)
    expected = torchmetrics_mmd(real, fake)
    assert polynomial_mmd(real, fake) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_mmd_of_sets_of_unlike_sizes_is_a_mean_over_pairs():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(7, 3)), random.normal(size=(5, 3))

    def mean(left, right, different):
        values = [
            (sum(x * y) / 3 + 1) ** 3
            for i, x in enumerate(left)
            for j, y in enumerate(right)
            if not (different and i == j)
        ]
        return sum(values) / len(values)

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    assert polynomial_mmd(a, b) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shift", "least", "most"), [(0.8, 0.7, 1.3), (0, 1, 2.3)])
def test_the_standard_error_is_that_of_new_sets_or_near_the_floor_more(shift, least, most):
    random = np.random.default_rng(2)
    found = [
        kid(random.uniform(size=(60, 4)), random.uniform(size=(60, 4)) + shift, SEED)
        for _ in range(80)
    ]
    values = np.array([one.value for one in found])
    if not shift:  # no bias
        assert abs(values.mean()) < 3 * values.std() / np.sqrt(80)
    assert least < np.mean([one.se for one in found]) / values.std() < most


def test_kid_sees_a_difference_and_depends_on_the_seed_alone():
    random = np.random.default_rng(3)
    real, fake = random.normal(size=(50, 4)), random.normal(size=(80, 4)) + 1
    one = kid(real, fake, SEED)
    assert one.value > 2 * one.se > 0
    assert one.value == pytest.approx(polynomial_mmd(real, fake), abs=2 * one.se)
    assert one == kid(real, fake, SEED) != kid(real, fake, Seed.of(1))


@pytest.mark.parametrize(("real", "fake"), [((3, 2), (9, 2)), ((9, 2), (9, 3)), ((9,), (9, 2))])
def test_too_small_or_unlike_sets_are_refused(real, fake):
    with pytest.raises(ValueError, match="must"):
        kid(np.ones(real), np.ones(fake), SEED)
