import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from augsearch.evaluation.inference.delong import auc_influence, variance_of
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.evaluation.inference.training_groups import group_means, independent_runs
from augsearch.evaluation.inference.verdict import TWO_GENERATORS, verdict
from augsearch.evaluation.metrics import get_metric
from augsearch.seeds import Seed

SEED = Seed.of(0, "groups")


def nested(generator, n=100, trainings=6, generators=3, spread=0.4, gain=0.0, base_spread=0.0):
    """Return labels, scores of two recipes and groups; a generator's luck is all its trainings'."""
    labels = np.arange(n) % 2
    difficulty = 0.8 * generator.normal(size=n)
    groups = np.arange(trainings) % generators
    luck = generator.normal(size=(generators, 1))[groups]

    def scores(separation, share):
        own = 0.1 * generator.normal(size=(trainings, 1))
        noise = 0.6 * generator.normal(size=(trainings, n))
        return (separation + share * luck + own) * labels + difficulty + noise

    return labels, scores(1.2, base_spread), scores(1.2 + gain, spread), groups


def probabilities(scores):
    positive = 1 / (1 + np.exp(-scores + 0.6))
    return np.stack([1 - positive, positive], axis=-1)


def test_group_means_are_those_of_each_generator():
    scores = Seed.of(1).generator().normal(size=6)
    means = group_means(scores, [7, 3, 7, 3, 5, 5])
    pairs = (scores[[1, 3]], scores[[4, 5]], scores[[0, 2]])
    assert means == pytest.approx([pair.mean() for pair in pairs])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1, 0], r"one number per training, 4, but have shape \(3,\)"),
        ([2, 2, 2, 2], "at least 2 generators but name 1"),
        ([0, 0, 0, 1], r"as many trainings but they have \[3, 1\]"),
    ],
)
def test_groups_that_say_nothing_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        group_means(np.arange(4.0), groups)


def test_arms_of_the_same_generators_share_their_luck():
    base, chosen = np.array([0.6, 0.7, 0.6, 0.7]), np.array([0.7, 0.8, 0.7, 0.9])
    paired = independent_runs(base, chosen, [0, 1, 0, 1], [0, 1, 0, 1])
    assert len(paired) == 1
    assert paired[0] == pytest.approx([0.1, 0.15])
    apart = independent_runs(base, chosen, [0, 1, 0, 1], [2, 3, 2, 3])
    assert [one.tolist() for one in apart] == [[-0.6, -0.7], pytest.approx([0.7, 0.85])]
    plain = independent_runs(base, chosen)
    assert [one.tolist() for one in plain] == [(-base).tolist(), chosen.tolist()]
    with pytest.raises(ValueError, match=r"none in common, but have \[0, 1\] and \[1, 2\]"):
        independent_runs(base, chosen, [0, 1, 0, 1], [1, 2, 1, 2])


def test_the_verdict_equals_the_formulas_in_plain_numbers():
    labels, base, chosen, groups = nested(Seed.of(2).generator(), gain=0.5)
    found = verdict(labels, base, chosen, 0.9, chosen_groups=groups)

    aucs = [np.array([roc_auc_score(labels, s) for s in arm]) for arm in (base, chosen)]
    means = [aucs[1][groups == g].mean() for g in range(3)]
    influence = [auc_influence(labels, arm)[1].mean(axis=0) for arm in (base, chosen)]
    ahead = influence[1] - influence[0]
    of_class = [(ahead[labels == c] ** 2).sum() for c in (0, 1)]
    freedom = sum(of_class) ** 2 / sum(own**2 / 49 for own in of_class)
    parts = [
        (variance_of(ahead), freedom),
        (aucs[0].var(ddof=1) / 6, 5),
        (np.var(means, ddof=1) / 3, 2),
    ]
    variance = sum(own for own, _ in parts)
    quantile = sum(own * stats.t.ppf(0.95, freedom) for own, freedom in parts) / variance
    gain = aucs[1].mean() - aucs[0].mean()
    assert found.gain == pytest.approx(gain, abs=1e-12)
    assert found.se == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert found.high - gain == pytest.approx(quantile * math.sqrt(variance), rel=1e-9)
    assert stats.t.ppf(0.95, found.degrees_of_freedom) == pytest.approx(quantile, rel=1e-6)
    assert found.note == ""


def test_generators_in_both_arms_are_compared_one_by_one():
    labels, base, chosen, groups = nested(Seed.of(3).generator(), base_spread=0.4)
    paired = verdict(labels, base, chosen, base_groups=groups, chosen_groups=groups)
    apart = verdict(labels, base, chosen, base_groups=groups, chosen_groups=groups + 3)
    assert paired.gain == apart.gain
    assert paired.se < apart.se  # their common luck is not a difference


def test_two_generators_say_how_little_they_tell():
    labels, base, chosen, groups = nested(Seed.of(4).generator(), generators=2)
    found = verdict(labels, base, chosen, chosen_groups=groups)
    alone = verdict(labels, base, chosen)
    assert found.note == TWO_GENERATORS
    assert found.high - found.low > 1.5 * (alone.high - alone.low)
    nothing = verdict(labels, chosen, chosen, base_groups=groups, chosen_groups=groups)
    assert (nothing.gain, nothing.label) == (0, "no evidence")


@pytest.mark.parametrize(("generators", "trainings"), [(2, 4), (3, 6), (5, 5)])
def test_flat_recipes_are_seldom_called_a_gain(generators, trainings):
    """2.5 % on either side is nominal; 900 flat studies, Monte Carlo error 0.5 %."""
    generator = SEED.child("flat", generators).generator()
    claims, alone = 0, 0
    for _ in range(900):
        labels, base, chosen, groups = nested(generator, trainings=trainings, generators=generators)
        claims += verdict(labels, base, chosen, chosen_groups=groups).label != "no evidence"
        one = nested(generator, trainings=trainings, generators=1)
        alone += verdict(*one[:3]).label != "no evidence"
    assert claims / 900 < 0.05 + 0.013
    assert alone / 900 > 0.1  # what the key is for: one generator's luck is taken for a gain


def test_the_interval_holds_the_true_gain_of_the_recipe():
    generator = SEED.child("true").generator()
    inside, wide = 0, 0.0
    noise = math.sqrt(2) * math.sqrt(0.8**2 + 0.6**2)

    def expected(separation, spread):
        lucks = separation + math.sqrt(spread**2 + 0.1**2) * np.linspace(-6, 6, 4001)
        weights = stats.norm.pdf(np.linspace(-6, 6, 4001))
        return (weights * stats.norm.cdf(lucks / noise)).sum() / weights.sum()

    truth = expected(1.7, 0.4) - expected(1.2, 0.0)
    for _ in range(500):
        labels, base, chosen, groups = nested(generator, gain=0.5, trainings=8, generators=4)
        found = verdict(labels, base, chosen, chosen_groups=groups)
        inside += found.low < truth < found.high
        wide += found.high - found.low
    assert 0.93 < inside / 500 < 0.995
    assert wide / 500 < 0.35


def test_other_endpoints_draw_whole_generators():
    labels, base, chosen, groups = nested(Seed.of(5).generator(), generators=3, spread=1.5)
    metric = get_metric("accuracy")
    given = (metric, labels, probabilities(base), probabilities(chosen), 0.95, SEED)
    alone = endpoint_gain(*given)
    found = endpoint_gain(*given, chosen_groups=groups)
    assert found.gain == alone.gain
    assert found.se > alone.se
    assert found.high - found.low > alone.high - alone.low
    assert found.note == ""
    paired = endpoint_gain(*given, base_groups=groups, chosen_groups=groups)
    assert paired.degrees_of_freedom < alone.degrees_of_freedom


@pytest.mark.parametrize("metric", ["auc", "accuracy"])
def test_an_arms_own_interval_has_the_spread_of_its_generators(metric):
    labels, _, chosen, groups = nested(Seed.of(6).generator(), spread=1.5)
    given = (metric, labels, probabilities(chosen), 0.95, SEED)
    value, low, high = metric_interval(*given, groups)
    alone = metric_interval(*given)
    assert value == alone[0]
    assert low < alone[1] < value < alone[2] < high


def test_equal_trainings_of_each_generator_count_once():
    """G generators with R equal trainings each say no more than one training each."""
    labels, base, chosen, _ = nested(Seed.of(7).generator(), trainings=3, generators=3)
    once = verdict(labels, base, chosen, chosen_groups=[0, 1, 2])
    thrice = verdict(labels, base, np.tile(chosen, (3, 1)), chosen_groups=[0, 1, 2] * 3)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
