import numpy as np
import pytest

from augsearch.evaluation.images.coverage import density_and_coverage, neighbours


def by_loops(real, synthetic, k):
    """Equations 3 and 4 of Naeem et al. 2020, image by image."""
    radii = []
    for i, x in enumerate(real):
        others = sorted(np.linalg.norm(x - y) for j, y in enumerate(real) if j != i)
        radii.append(others[k - 1])
    density, covered = 0, set()
    for y in synthetic:
        for i, x in enumerate(real):
            if np.linalg.norm(x - y) < radii[i]:
                density += 1
                covered.add(i)
    return density / (k * len(synthetic)), len(covered) / len(real)


@pytest.mark.parametrize(("n", "m", "k", "shift"), [(30, 30, 5, 0), (25, 60, 3, 1), (9, 4, 1, 0.5)])
def test_the_numbers_are_those_of_plain_loops(n, m, k, shift):
    random = np.random.default_rng(n)
    real, synthetic = random.normal(size=(n, 3)), random.normal(size=(m, 3)) + shift
    expected = by_loops(real, synthetic, k)
    assert density_and_coverage(real, synthetic, k) == pytest.approx(expected, abs=1e-6)


def test_one_distribution_gives_what_the_paper_says():
    random = np.random.default_rng(0)
    found = [
        density_and_coverage(random.normal(size=(200, 6)), random.normal(size=(200, 6)), 5)
        for _ in range(20)
    ]
    density, coverage = np.mean(found, axis=0)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 0.5**5, abs=0.01)  # section 3.2: for large sets


def test_a_single_place_is_dense_and_covers_nothing():
    random = np.random.default_rng(1)
    real = random.normal(size=(100, 2))
    density, coverage = density_and_coverage(real, np.zeros((100, 2)), 5)
    assert density > 1 and coverage < 0.3


def test_few_real_images_have_fewer_neighbours():
    assert [neighbours(n) for n in (2, 5, 6, 500)] == [1, 4, 5, 5]
    with pytest.raises(ValueError, match="k must be at least 1 and below"):
        density_and_coverage(np.zeros((5, 2)), np.zeros((5, 2)), 5)
