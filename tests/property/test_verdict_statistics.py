from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from augsearch.evaluation.inference.auc_bootstrap import bootstrap_variance
from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import auc_influence, variance_of
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.inference.max_t import max_t
from augsearch.evaluation.metrics import get_metric
from augsearch.seeds import Seed

SEED = Seed.of(0)


@dataclass(frozen=True)
class Search:
    """Scores of all amounts on the same images; few levels, so that ties are common."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]  # (K, R, N)


@st.composite
def searches(draw: st.DrawFn) -> Search:
    n_negative, n_positive = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    n_images = n_negative + n_positive
    order = draw(st.permutations(range(n_images)))
    shape = (draw(st.integers(2, 5)), draw(st.integers(1, 3)), n_images)
    levels = draw(arrays(np.int64, shape, elements=st.integers(0, 8)))
    labels = np.array([0] * n_negative + [1] * n_positive)[list(order)]
    return Search(labels, levels / 8)


@settings(max_examples=50)
@given(searches())
def test_simultaneous_intervals_hold_the_gain_and_swap_with_the_base(one: Search) -> None:
    forth = max_t(one.labels, one.scores, 0, 0.9, SEED, draws=200)
    back = max_t(one.labels, one.scores, 1, 0.9, SEED, draws=200)
    np.testing.assert_allclose(forth.gains[1], -back.gains[0], atol=1e-12)
    np.testing.assert_allclose(forth.se[1], back.se[0], atol=1e-12)
    bounded = ~np.isnan(forth.low)
    assert (forth.low[bounded] <= forth.gains[bounded]).all()
    assert (forth.gains[bounded] <= forth.high[bounded]).all()
    for k in range(len(one.scores)):
        answer = forth.verdict(k)
        assert (answer.label == "helps") == (answer.low > 0)
        assert (answer.label == "harms") == (answer.high < 0)


@settings(max_examples=50)
@given(searches(), st.integers(0, 1000))
def test_order_of_amounts_and_images_does_not_matter(one: Search, number: int) -> None:
    generator = Seed.of(number).generator()
    images = generator.permutation(len(one.labels))
    straight = confidence_set(one.labels, one.scores, 0.9, SEED, draws=200)
    moved = confidence_set(one.labels[images], one.scores[:, :, images], 0.9, SEED, draws=200)
    np.testing.assert_allclose(moved.statistics, straight.statistics, atol=1e-6)
    turned = confidence_set(one.labels, one.scores[::-1], 0.9, SEED, draws=200)
    np.testing.assert_allclose(turned.statistics[::-1], straight.statistics, atol=1e-6)


@settings(max_examples=50)
@given(searches())
def test_the_best_amount_is_always_kept(one: Search) -> None:
    found = confidence_set(one.labels, one.scores, 0.9, SEED, draws=200)
    aucs = auc_influence(one.labels, one.scores.reshape(-1, len(one.labels)))[0]
    means = aucs.reshape(one.scores.shape[:2]).mean(axis=1)
    assert found.kept[means.argmax()]


@settings(max_examples=50)
@given(searches())
def test_the_bootstrap_variance_is_delongs_at_least(one: Search) -> None:
    both = np.stack([1 - one.scores, one.scores], axis=-1)
    found, freedom = bootstrap_variance(one.labels, both[0], both[1])
    influences = [auc_influence(one.labels, arm)[1].mean(axis=0) for arm in both[:2]]
    assert found >= variance_of(influences[1] - influences[0]) - 1e-12
    assert freedom >= 1 - 1e-9
    assert bootstrap_variance(one.labels, both[1], both[0]) == (found, freedom)


@settings(max_examples=40)
@given(searches(), st.sampled_from(["accuracy", "kappa", "brier", "auc", "sensitivity@0.70"]))
def test_an_endpoint_claims_only_what_its_interval_shows(one: Search, name: str) -> None:
    both = np.stack([1 - one.scores, one.scores], axis=-1)
    found = endpoint_gain(get_metric(name), one.labels, both[0], both[1], 0.9, SEED, draws=100)
    assert (found.label == "helps") == (found.low > 0)
    assert (found.label == "harms") == (found.high < 0)
    assert np.isnan(found.low) or found.low <= found.high
    back = endpoint_gain(get_metric(name), one.labels, both[1], both[0], 0.9, SEED, draws=100)
    np.testing.assert_allclose(back.gain, -found.gain, atol=1e-12)
    np.testing.assert_allclose(back.se, found.se, atol=1e-12)
