import math

import numpy as np
import pytest
import scipy.stats

from augsearch.records import Evaluation
from augsearch.search import smoothed, smoothed_history, smoothed_optimum
from augsearch.search.smoothing import score_variance, smoothed_order

NAN = math.nan
GUESS = 4  # degrees of freedom that the guess is worth


def history(scores):
    return [Evaluation.of(k, one if isinstance(one, list) else [one]) for k, one in scores.items()]


def rising(noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    return history(
        {k: 0.8 + 0.02 * math.log(k) + noise * rng.standard_normal() for k in range(1, 21)}
    )


def test_without_replicates_neighbours_say_how_noisy_scores_are():
    assert score_variance(history({1: 0.5, 2: 0.7, 4: 0.6})) == pytest.approx((0.04 + 0.01) / 2 / 2)
    assert math.sqrt(score_variance(rising(0.05))) == pytest.approx(0.05, rel=0.5)
    assert score_variance(history({1: 0.5, 2: 0.7}), noise=0.3) == 0.3
    assert score_variance(history({1: 0.5})) is None
    assert score_variance(history({1: 0.5, 2: NAN})) is None


def test_replicates_say_it_by_a_two_way_analysis():
    rng = np.random.default_rng(1)
    table = rng.normal([0, 5, 0, 0], 1, size=(6, 4))  # a fold that is easy at every amount
    interaction = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    squares, freedom = (interaction**2).sum(), 5 * 3
    entries = [Evaluation.of(k, list(row)) for k, row in enumerate(table, start=1)]
    found = score_variance(entries, noise=0.1)
    assert found == pytest.approx((squares + GUESS * 0.1) / (freedom + GUESS))


def test_rounds_are_replicates():
    rng = np.random.default_rng(2)
    groups = {k: rng.normal(k, 1, size=n) for k, n in ((1, 1), (2, 3), (3, 2), (8, 4))}
    entries = [Evaluation.of(k, [score]) for k, scores in groups.items() for score in scores]
    squares = sum(((scores - scores.mean()) ** 2).sum() for scores in groups.values())
    assert score_variance(entries, noise=2) == pytest.approx((squares + GUESS * 2) / (6 + GUESS))


def test_places_of_rounds_are_weighed_as_least_squares_does():
    rng = np.random.default_rng(3)
    amounts = [1, 2, 3, 2, 3, 3]
    table = rng.normal([0, 1, 2], 1, size=(6, 3))
    entries = [Evaluation.of(k, list(row)) for k, row in zip(amounts, table, strict=True)]
    design = np.array(
        [
            [k == one for one in (1, 2, 3)] + [place == one for one in (1, 2)]
            for k in amounts
            for place in range(3)
        ],
        dtype=float,
    )
    _, (squares,), rank, _ = np.linalg.lstsq(design, table.ravel(), rcond=None)
    expected = (squares + GUESS * 0.5) / (18 - rank + GUESS)
    assert score_variance(entries, noise=0.5) == pytest.approx(expected)


def test_the_curve_is_that_of_the_merged_history():
    entries = history({1: [0.7, 0.8], 2: [0.8, 0.8], 6: [0.9, 0.8], 3: [NAN, 0.9]})
    entries.append(Evaluation.of(2, [0.7, 0.9]))
    variance = score_variance(entries)
    found = smoothed_history(entries)
    expected = smoothed([1, 2, 6], [0.75, 0.8, 0.85], variance / np.array([2, 4, 2]))
    assert found.at.tolist() == [1, 2, 6]
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.sd, expected.sd, rtol=1e-12)


def test_the_optimum_is_a_tried_amount_and_less_optimistic_than_the_maximum():
    entries = rising()
    raw = max(entries, key=lambda entry: entry.score)
    found = smoothed_optimum(entries, noise=0.02**2)
    curve = smoothed_history(entries, noise=0.02**2)
    place = int(np.argmax(curve.mean))
    assert (found.multiple, found.mean) == (curve.at[place], curve.mean[place])
    assert found.sd == curve.sd[place]
    assert 10 < found.multiple <= 20
    assert found.mean < raw.score


def test_the_mean_is_calibrated_where_the_model_is_true():
    rng = np.random.default_rng(4)
    tried = np.arange(1, 31.0)
    distances = np.log(tried)[:, None] - np.log(tried)
    covariance = 0.03**2 * np.exp(-0.5 * (distances / 0.8) ** 2)
    errors = []
    for _ in range(150):
        truth = 0.8 + rng.multivariate_normal(np.zeros(30), covariance, method="eigh")
        scores = truth + 0.02 * rng.standard_normal(30)
        entries = [Evaluation.of(k, [score]) for k, score in zip(tried, scores, strict=True)]
        found = smoothed_optimum(entries)
        errors.append((found.mean - truth[int(found.multiple) - 1]) / found.sd)
    assert abs(np.mean(errors)) < 0.4
    assert scipy.stats.norm.ppf(0.75) * 0.8 < np.median(np.abs(errors)) < 0.85


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_either_direction(direction):
    sign = 1 if direction == "maximize" else -1
    entries = [Evaluation.of(e.multiple, [sign * e.score]) for e in rising()]
    found = smoothed_optimum(entries, direction=direction)
    mirrored = smoothed_optimum(rising())
    assert found.multiple == mirrored.multiple
    assert found.mean == pytest.approx(sign * mirrored.mean)
    order = smoothed_order(entries, direction)
    assert (order[0].multiple, order[0].score) == (found.multiple, found.mean)
    assert [sign * one.score for one in order] == sorted(
        (sign * o.score for o in order), reverse=True
    )


def test_a_flat_curve_is_a_tie_that_the_smallest_amount_wins():
    entries = history(dict.fromkeys(range(1, 30), 0.8))
    assert smoothed_optimum(entries).multiple == 1
    assert [one.multiple for one in smoothed_order(entries, "maximize")] == list(range(1, 30))


@pytest.mark.parametrize(
    "scores", [{}, {1: NAN, 2: NAN}, {1: 0.5}, {0: 0.5, 500: 0.6}, {1: 1e300, 2: -1e300}]
)
def test_where_nothing_can_be_smoothed(scores):
    assert smoothed_history(history(scores)) is None
    assert smoothed_optimum(history(scores)) is None
    order = smoothed_order(history(scores), "maximize")
    finite = {k: score for k, score in scores.items() if math.isfinite(score)}
    assert [one.multiple for one in order] == sorted(finite, key=lambda k: -finite[k])


def test_one_amount_with_known_noise():
    found = smoothed_optimum(history({3: 0.75}), noise=0.0004)
    assert (found.multiple, found.mean, found.sd) == pytest.approx((3, 0.75, 0.02))
