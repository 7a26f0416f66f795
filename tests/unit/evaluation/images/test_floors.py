import numpy as np
import pytest

from augsearch.evaluation.images.coverage import density_and_coverage
from augsearch.evaluation.images.floors import random_half, set_distances
from augsearch.seeds import Seed

SEED = Seed.of(0)


def test_halves_keep_groups_together_and_are_even():
    groups = np.repeat(np.arange(30), [1, 2, 3] * 10)
    for number in range(50):
        first = random_half(groups, SEED.child(number))
        assert all(len(set(first[groups == group])) == 1 for group in range(30))
        assert abs(first.sum() - 30) <= 3
    assert len({random_half(groups, SEED.child(n)).tobytes() for n in range(50)}) > 40


def test_fresh_images_are_at_the_floor_and_shifted_ones_beyond_it():
    random = np.random.default_rng(0)
    real, groups = random.normal(size=(120, 5)), np.arange(120)
    fresh = set_distances(real, random.normal(size=(120, 5)), groups, SEED)
    assert fresh.kid.value == pytest.approx(fresh.kid.floor, abs=4 * fresh.kid.se)
    assert fresh.coverage.value == pytest.approx(fresh.coverage.floor, abs=0.06)
    assert fresh.density.value == pytest.approx(fresh.density.floor, abs=0.2)
    moved = set_distances(real, random.normal(size=(120, 5)) + 2, groups, SEED)
    assert moved.kid.value > moved.kid.floor + 5 * moved.kid.se
    assert moved.coverage.value < 0.5 * moved.coverage.floor
    assert moved.kid.floor == fresh.kid.floor  # it knows the real images alone


def test_k_is_that_of_the_smallest_half():
    random = np.random.default_rng(1)
    real, synthetic = random.normal(size=(8, 3)), random.normal(size=(8, 3))
    found = set_distances(real, synthetic, np.arange(8), SEED)
    expected = density_and_coverage(real, synthetic, 3)
    assert (found.density.value, found.coverage.value) == expected


def test_too_few_images_have_no_numbers_and_one_patient_no_floor():
    random = np.random.default_rng(2)
    few = set_distances(random.normal(size=(7, 3)), random.normal(size=(20, 3)), np.arange(7), SEED)
    assert few.kid.value is few.coverage.floor is None
    real = random.normal(size=(20, 3))
    one = set_distances(real, real, np.zeros(20), SEED)
    assert one.kid.floor is None and one.kid.value is not None
