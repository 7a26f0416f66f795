import math

import numpy as np
import pytest
from scipy import stats

from augsearch.evaluation.precision import Precision, check_confidence, precision


def test_without_image_variance_equal_arms_are_students_t_test() -> None:
    a, b = np.array([0.80, 0.82, 0.79, 0.85]), np.array([0.81, 0.86, 0.84, 0.83])
    expected = stats.ttest_ind(b, a).confidence_interval(0.95)
    found = precision(0.0, (a, b), n_images=100)
    assert found.degrees_of_freedom == pytest.approx(6)
    width = (expected.high - expected.low) / 2
    assert found.half_width(0.95) == pytest.approx(width, rel=1e-9)


def test_images_and_runs_add_up_by_satterthwaite() -> None:
    found = precision(4e-4, (np.array([0.7, 0.8]), np.array([0.8, 0.8, 0.83])), n_images=52)
    run_variance = 0.005 / 2 + 3e-4 / 3
    assert found.se**2 == pytest.approx(run_variance + 4e-4)
    expected = (run_variance + 4e-4) ** 2 / (run_variance**2 / 3 + 4e-4**2 / 50)
    assert found.degrees_of_freedom == pytest.approx(expected)


def test_one_run_leaves_the_images_alone() -> None:
    found = precision(0.01, (np.array([0.7]), np.array([0.8, 0.9])), n_images=12)
    assert (found.se, found.degrees_of_freedom) == pytest.approx((0.1, 10))
    assert found.half_width(0.9) == pytest.approx(0.1 * stats.t.ppf(0.95, 10))


def test_runs_that_all_agree_leave_the_images_alone() -> None:
    found = precision(0.01, (np.full(5, 0.8), np.full(5, 0.9)), n_images=12)
    assert found.degrees_of_freedom == pytest.approx(10)


def test_no_variance_at_all() -> None:
    same_but_for_rounding = np.array([0.1 + 0.2, 0.3, 0.3])
    found = precision(0.0, (same_but_for_rounding,), n_images=12)
    assert found.se == 0
    assert math.isnan(found.degrees_of_freedom)


def test_unknown_image_variance_stays_unknown() -> None:
    found = precision(math.nan, (np.array([0.7, 0.8]),), n_images=3)
    assert math.isnan(found.se)
    assert math.isnan(found.degrees_of_freedom)


@pytest.mark.parametrize("confidence", [0, 1, -1, 95, math.nan])
def test_confidence_outside_its_range(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1 but got"):
        check_confidence(confidence)


def test_wider_confidence_is_wider() -> None:
    assert Precision(1.0, 5.0).half_width(0.99) > Precision(1.0, 5.0).half_width(0.9)
