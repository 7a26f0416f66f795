import math

import numpy as np
import pytest
from scipy import stats

from augsearch.evaluation.inference.standard_error import (
    StandardError,
    check_confidence,
    standard_error,
)
from augsearch.seeds import Seed


def test_without_image_variance_it_is_welchs_t_test() -> None:
    a, b = np.array([0.80, 0.82, 0.79, 0.85]), np.array([0.81, 0.86, 0.84, 0.83, 0.95])
    expected = stats.ttest_ind(b, a, equal_var=False)
    interval = expected.confidence_interval(0.95)
    found = standard_error(0.0, (a, b), image_freedom=98)
    assert found.degrees_of_freedom == pytest.approx(expected.df)
    assert found.half_width(0.95) == pytest.approx((interval.high - interval.low) / 2, rel=1e-9)


def test_equal_arms_are_students_t_test() -> None:
    a = np.array([0.80, 0.82, 0.79, 0.85])
    expected = stats.ttest_ind(a + 0.1, a).confidence_interval(0.95)
    found = standard_error(0.0, (a, a + 0.1), image_freedom=98)
    assert found.degrees_of_freedom == pytest.approx(6)
    assert found.half_width(0.95) == pytest.approx((expected.high - expected.low) / 2, rel=1e-9)


def test_images_and_runs_add_up_by_satterthwaite() -> None:
    found = standard_error(
        4e-4, (np.array([0.7, 0.8]), np.array([0.8, 0.8, 0.83])), image_freedom=50
    )
    first, second = 0.005 / 2, 3e-4 / 3
    variance = first + second + 4e-4
    assert found.se**2 == pytest.approx(variance)
    expected = variance**2 / (first**2 / 1 + second**2 / 2 + 4e-4**2 / 50)
    assert found.degrees_of_freedom == pytest.approx(expected)


def test_an_arm_whose_trainings_are_alike_lends_no_freedom() -> None:
    runs = np.array([0.80, 0.82, 0.79, 0.85])
    one_sample = stats.ttest_1samp(runs, 0.7).confidence_interval(0.95)
    found = standard_error(0.0, (np.full(5, 0.7), runs), image_freedom=98)
    assert found.degrees_of_freedom == pytest.approx(3)
    assert found.half_width(0.95) == pytest.approx((one_sample.high - one_sample.low) / 2)


def test_level_where_one_arm_is_alike() -> None:
    generator = Seed.of(0, "level").generator()
    claims = 0
    for gains in generator.normal(size=(4000, 5)):
        width = standard_error(0.0, (np.zeros(5), gains), image_freedom=98).half_width(0.95)
        claims += gains.mean() > width
    assert claims / 4000 == pytest.approx(0.025, abs=0.007)  # with 8 degrees it would be 0.041


def test_one_run_leaves_the_images_alone() -> None:
    found = standard_error(0.01, (np.array([0.7]), np.array([0.8, 0.9])), image_freedom=10)
    assert (found.se, found.degrees_of_freedom) == pytest.approx((0.1, 10))
    assert found.half_width(0.9) == pytest.approx(0.1 * stats.t.ppf(0.95, 10))


def test_runs_that_all_agree_leave_the_images_alone() -> None:
    found = standard_error(0.01, (np.full(5, 0.8), np.full(5, 0.9)), image_freedom=10)
    assert found.degrees_of_freedom == pytest.approx(10)


def test_no_variance_at_all() -> None:
    same_but_for_rounding = np.array([0.1 + 0.2, 0.3, 0.3])
    found = standard_error(0.0, (same_but_for_rounding,), image_freedom=10)
    assert found.se == 0
    assert math.isnan(found.degrees_of_freedom)


@pytest.mark.parametrize("image_freedom", [0, -1, math.nan])
def test_too_few_images_give_no_interval(image_freedom: float) -> None:
    found = standard_error(0.01, (np.array([0.7, 0.8]),), image_freedom)
    assert math.isnan(found.half_width(0.95))


def test_unknown_image_variance_stays_unknown() -> None:
    found = standard_error(math.nan, (np.array([0.7, 0.8]),), image_freedom=1)
    assert math.isnan(found.se)
    assert math.isnan(found.degrees_of_freedom)


@pytest.mark.parametrize("confidence", [0, 1, -1, 95, math.nan])
def test_confidence_outside_its_range(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1 but got"):
        check_confidence(confidence)


def test_wider_confidence_is_wider() -> None:
    assert StandardError(1.0, 5.0).half_width(0.99) > StandardError(1.0, 5.0).half_width(0.9)
