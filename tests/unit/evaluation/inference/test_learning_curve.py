import math

import numpy as np
import pytest

from augsearch.evaluation.inference.learning_curve import Equivalent, real_equivalent
from augsearch.seeds import Seed

N = 100.0
SIZES = N * np.array([0.3, 0.45, 0.6, 0.75, 0.9, 1.0])
CURVES = {
    "log": lambda n: 0.7 + 0.05 * np.log(n),
    "slow": lambda n: 0.95 - 0.6 * n**-0.25,
    "root": lambda n: 0.9 - n**-0.5,
    "inverse": lambda n: 0.9 - 4 / n,
}


def cells(curve, noise, generator, count=5):
    """Scores of a curve: every cell is a little better or worse as a whole, and noisy."""
    whole = generator.normal(0, 2 * noise, (1, count))
    return curve(SIZES)[:, None] + whole + generator.normal(0, noise, (len(SIZES), count))


def found(scores, gain, se=0.0, sizes=SIZES, freedom=50.0, seed=0, **options):
    return real_equivalent(sizes, scores, gain, se, freedom, Seed.of(seed), **options)


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("extra", [-60, -20, 10, 40, 90])
def test_without_noise_the_gain_of_more_images_is_worth_those_images(curve, extra):
    scores = np.repeat(curve(SIZES)[:, None], 4, axis=1)
    answer = found(scores, curve(N + extra) - curve(N))
    assert answer.extra == pytest.approx(extra, rel=1e-6)
    assert (answer.low, answer.high) == pytest.approx((extra, extra), rel=1e-6)


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_the_interval_covers_the_truth(curve):
    """At least 90 % of 150 where 95 % is nominal: the shape is not known, only a grid of shapes."""
    generator, truth = np.random.default_rng(1), 30
    gain = curve(N + truth) - curve(N)
    answers = [
        found(cells(curve, 0.004, generator), generator.normal(gain, gain / 4), gain / 4, seed=i)
        for i in range(150)
    ]
    told = [one for one in answers if not one.reason]
    assert len(told) > 120
    assert np.mean([one.low <= truth <= one.high for one in told]) >= 0.9
    assert np.median([one.extra for one in told]) == pytest.approx(truth, rel=0.35)


def test_scores_that_do_not_rise_say_nothing():
    generator = np.random.default_rng(2)
    flat = [found(cells(lambda n: 0 * n, 0.01, generator), 0.01).reason for _ in range(40)]
    assert flat.count("flat") > 32
    assert found(cells(lambda n: -n / 1000, 0.001, generator), 0.01).reason == "flat"


def test_what_the_curve_does_not_reach_is_not_said():
    scores = cells(CURVES["root"], 0.001, np.random.default_rng(3))
    beyond = CURVES["root"](2.3 * N) - CURVES["root"](N)
    below = CURVES["root"](0.2 * N) - CURVES["root"](N)
    assert [found(scores, gain).reason for gain in (beyond, below, 0.2)] == ["outside"] * 3
    assert found(scores, 0.01, se=0.2).reason == "wide"
    assert math.isnan(found(scores, 0.2).extra)


def test_an_end_beyond_the_curve_is_open():
    scores = cells(CURVES["root"], 0.0005, np.random.default_rng(4))
    upper = found(scores, 0.02, se=0.006)
    lower = found(scores, -0.05, se=0.03)
    assert upper.high == math.inf
    assert 0 < upper.low < upper.extra < N
    assert lower.low == -math.inf
    assert lower.extra < lower.high < 0.3 * N


def test_it_is_the_rise_that_counts_in_any_unit():
    scores = cells(CURVES["root"], 0.002, np.random.default_rng(5))
    first = found(scores, 0.01, 0.003)
    shifted = scores + np.random.default_rng(6).normal(0, 1, (1, 5))
    for other, factor in (
        (found(scores + 3, 0.01, 0.003), 1),
        (found(shifted, 0.01, 0.003), 1),
        (found(100 * scores, 1, 0.3), 1),
        (found(scores, 0.01, 0.003, sizes=7 * SIZES), 7),
    ):
        ends = (other.extra, other.low, other.high)
        # What a cell adds to all its scores shifts the mean curve, and no slope.
        assert ends == pytest.approx([factor * one for one in (first.extra, first.low, first.high)])


def test_more_doubt_is_a_wider_interval():
    scores = cells(CURVES["root"], 0.002, np.random.default_rng(7))
    sure, unsure = found(scores, 0.01, 0.001), found(scores, 0.01, 0.003)
    assert unsure.low < sure.low < sure.high < unsure.high
    narrow = found(scores, 0.01, 0.003, confidence=0.5)
    assert unsure.low < narrow.low < narrow.high < unsure.high
    few = found(scores, 0.01, 0.003, freedom=3)
    assert few.high - few.low > unsure.high - unsure.low
    certain = found(scores, 0.01, 0.0, freedom=math.nan)
    assert certain.high - certain.low < sure.high - sure.low


@pytest.mark.parametrize(
    ("sizes", "scores", "gain", "se"),
    [
        (SIZES[3:], np.ones((3, 5)), 0.1, 0.1),
        (SIZES, np.ones((6, 2)), 0.1, 0.1),
        (SIZES, np.full((6, 5), np.nan), 0.1, 0.1),
        (SIZES, np.ones((6, 5)), 0.1, math.nan),
        ([], np.empty((0, 0)), 0.1, 0.1),
    ],
)
def test_too_little_to_go_by(sizes, scores, gain, se):
    answer = real_equivalent(sizes, scores, gain, se, 10, Seed.of(0))
    assert answer.reason == "few"
    assert all(math.isnan(one) for one in (answer.extra, answer.low, answer.high))


def test_the_same_seed_gives_the_same_answer():
    scores = cells(CURVES["root"], 0.002, np.random.default_rng(8))
    assert found(scores, 0.01, 0.003) == found(scores, 0.01, 0.003)
    assert isinstance(found(scores, 0.01), Equivalent)
    assert found(scores, 0.01, 0.003, seed=1) != found(scores, 0.01, 0.003)


@pytest.mark.parametrize(
    ("sizes", "scores", "message"),
    [
        ([1, 2], np.ones((3, 3)), "one row of scores per size"),
        ([1, 2], np.ones(2), "one row of scores per size"),
        ([2, 2], np.ones((2, 3)), "must rise from above 0"),
        ([0, 2], np.ones((2, 3)), "must rise from above 0"),
    ],
)
def test_shapes_that_do_not_match(sizes, scores, message):
    with pytest.raises(ValueError, match=message):
        real_equivalent(sizes, scores, 0.1, 0.1, 10, Seed.of(0))
