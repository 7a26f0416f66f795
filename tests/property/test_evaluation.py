from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from augsearch.evaluation.images.diversity import pairwise_spread
from augsearch.evaluation.inference.delong import auc_covariance, auc_influence, delong_test
from augsearch.evaluation.inference.verdict import verdict
from augsearch.evaluation.metrics import auc, get_metric
from augsearch.evaluation.ranking import placements
from augsearch.seeds import Seed
from augsearch.study.metric_names import KNOWN_METRICS

SWAPPED = {"helps": "harms", "harms": "helps", "no evidence": "no evidence"}


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same images; few levels of scores, so that ties are common."""

    labels: NDArray[np.int64]
    base: NDArray[np.float64]
    chosen: NDArray[np.float64]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    n_negative, n_positive = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    n_images = n_negative + n_positive
    order = draw(st.permutations(range(n_images)))
    labels = np.array([0] * n_negative + [1] * n_positive)[list(order)]
    levels = st.integers(-8, 8)

    def scores() -> NDArray[np.float64]:
        shape = (draw(st.integers(1, 4)), n_images)
        return draw(arrays(np.int64, shape, elements=levels)) / 8

    return Comparison(labels, scores(), scores())


@given(comparisons())
def test_monotone_transforms_change_nothing(one: Comparison) -> None:
    transformed = np.exp(3 * one.base) - 5
    np.testing.assert_array_equal(
        placements(one.labels, transformed), placements(one.labels, one.base)
    )


@given(comparisons())
def test_reversed_scores_mirror_the_auc(one: Comparison) -> None:
    mirrored = 1 - auc(one.labels, one.base)
    np.testing.assert_allclose(auc(one.labels, -one.base), mirrored, atol=1e-12)
    np.testing.assert_allclose(auc(1 - one.labels, one.base), mirrored, atol=1e-12)


@given(comparisons())
def test_mean_placement_of_either_class_is_the_auc(one: Comparison) -> None:
    placed = placements(one.labels, one.base)
    for c in (0, 1):
        np.testing.assert_allclose(
            placed[:, one.labels == c].mean(axis=1), auc(one.labels, one.base), atol=1e-12
        )


@given(comparisons())
def test_delong_is_antisymmetric(one: Comparison) -> None:
    a, b = one.base[0], one.chosen[0]
    forth, back = delong_test(one.labels, a, b), delong_test(one.labels, b, a)
    assert (forth.auc_a, forth.auc_b) == (back.auc_b, back.auc_a)
    assert forth.variance == back.variance
    np.testing.assert_array_equal(forth.z, -back.z)
    np.testing.assert_equal(forth.p_value, back.p_value)
    assert forth.p_value != 0  # NaN passes: degenerate


@given(comparisons())
def test_covariances_are_positive_semidefinite(one: Comparison) -> None:
    _, covariance = auc_covariance(one.labels, np.concatenate([one.base, one.chosen]))
    np.testing.assert_array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


@given(comparisons(), st.integers(0, 1000))
def test_order_of_images_does_not_matter(one: Comparison, number: int) -> None:
    order = Seed.of(number).generator().permutation(len(one.labels))
    straight = verdict(one.labels, one.base, one.chosen)
    shuffled = verdict(one.labels[order], one.base[:, order], one.chosen[:, order])
    assert (straight.label, straight.note) == (shuffled.label, shuffled.note)
    for name in ("gain", "low", "high", "se"):
        expected = pytest.approx(getattr(straight, name), abs=1e-9, nan_ok=True)
        assert getattr(shuffled, name) == expected
    _, influence = auc_influence(one.labels, one.base)
    _, moved = auc_influence(one.labels[order], one.base[:, order])
    np.testing.assert_allclose(moved, influence[:, order], atol=1e-12)


@given(comparisons())
def test_swapped_arms_flip_the_verdict(one: Comparison) -> None:
    forth = verdict(one.labels, one.base, one.chosen)
    back = verdict(one.labels, one.chosen, one.base)
    assert back.label == SWAPPED[forth.label]
    assert (back.gain, back.note) == (-forth.gain, forth.note)
    np.testing.assert_equal(back.se, forth.se)
    np.testing.assert_allclose((back.low, back.high), (-forth.high, -forth.low), atol=1e-12)


@given(comparisons())
def test_a_claim_needs_an_interval_on_one_side_of_zero(one: Comparison) -> None:
    found = verdict(one.labels, one.base, one.chosen)
    assert (found.label == "helps") == (found.low > 0)
    assert (found.label == "harms") == (found.high < 0)
    if found.label == "no evidence" and found.note == "":
        assert found.low <= 0 <= found.high


@given(comparisons())
def test_scores_stay_within_their_range(one: Comparison) -> None:
    positive = (one.base[0] + 1) / 2
    probabilities = np.stack([1 - positive, positive], axis=1)
    for name in KNOWN_METRICS:
        low = -1.0 if name == "kappa" else 0.0
        assert low <= get_metric(name)(one.labels, probabilities) <= 1, name


@given(arrays(np.uint8, st.tuples(st.integers(2, 6), st.just(2), st.just(3), st.just(1))))
def test_spread_does_not_depend_on_order_or_brightness_direction(
    pixels: NDArray[np.uint8],
) -> None:
    assert pairwise_spread(pixels) == pairwise_spread(pixels[::-1]) == pairwise_spread(255 - pixels)
    assert (pairwise_spread(pixels) == 0) == bool((pixels == pixels[0]).all())
