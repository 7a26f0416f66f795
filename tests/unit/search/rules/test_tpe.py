import doctest
import math
from collections import Counter

import pytest

from augsearch.records import Evaluation
from augsearch.search import TpeRule, find_optimal_multiple
from augsearch.search.rules import tpe
from augsearch.testing.rules import check_rule


def peak(k, at=15):
    return 0.9 - 0.03 * abs(math.log(k / at))


def amounts(found):
    return [entry.multiple for entry in found.history]


def test_the_base_set_comes_first_and_then_whole_multiples():
    found = find_optimal_multiple(peak, rule="tpe")
    tried = amounts(found)
    assert (tried[0], len(tried), found.reason) == (1, 24, "trials")
    assert all(k == int(k) and 1 <= k <= 60 for k in tried)
    assert len(set(tried)) > 8
    assert 8 < found.multiple < 30
    assert found.score == found.smoothed.mean
    assert TpeRule().propose([]) == (1,)
    assert type(TpeRule().propose(found.history[:5])[0]) is int


def test_it_learns_where_scores_are_good():
    found = find_optimal_multiple(lambda k: -math.log(k), rule="tpe", trials=50)
    late = Counter(k <= 8 for k in amounts(found)[25:])
    found = find_optimal_multiple(lambda k: math.log(k), rule="tpe", trials=50)
    other = Counter(k <= 8 for k in amounts(found)[25:])
    assert late[True] > other[True]


def test_draws_depend_on_the_seed_and_the_history_alone():
    one = find_optimal_multiple(peak, rule="tpe", trials=12, seed=1)
    assert amounts(one) == amounts(find_optimal_multiple(peak, rule="tpe", trials=12, seed=1))
    assert amounts(one) != amounts(find_optimal_multiple(peak, rule="tpe", trials=12, seed=2))
    longer = find_optimal_multiple(peak, rule="tpe", trials=15, seed=1)
    assert amounts(longer)[:12] == amounts(one)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"max_multiple": 1}, {1}),
        ({"max_multiple": 3.4}, {1, 2, 3}),
        ({"max_multiple": 2, "fractions": True}, {1, 1.25, 1.5, 2}),
        ({"max_multiple": 1.3, "fractions": True}, {1, 1.25}),
    ],
)
def test_what_it_may_propose_it_does(settings, allowed):
    found = find_optimal_multiple(lambda k: 0.8, rule="tpe", trials=40, **settings)
    assert set(amounts(found)) == allowed


def test_an_amount_that_is_proposed_again_gets_further_replicates():
    calls = Counter()

    def score(k):
        calls[k] += 1
        return [0.8 + 0.01 * calls[k], 0.8]

    found = find_optimal_multiple(score, rule="tpe", trials=12, max_multiple=4)
    assert max(calls.values()) > 1
    assert sum(calls.values()) == 12
    for k in calls:
        scores = [entry.scores[0] for entry in found.history if entry.multiple == k]
        assert scores == pytest.approx([0.8 + 0.01 * n for n in range(1, calls[k] + 1)])


def test_nan_never_wins():
    found = find_optimal_multiple(lambda k: math.nan if k > 3 else peak(k), rule="tpe", trials=15)
    assert found.multiple <= 3
    lost = find_optimal_multiple(lambda k: math.nan, rule="tpe", trials=4)
    assert (lost.multiple, lost.reason, len(lost.history)) == (None, "no_finite_score", 4)


def test_minimize():
    found = find_optimal_multiple(lambda k: -peak(k), rule="tpe", direction="minimize")
    assert 8 < found.multiple < 30


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"trials": 0}, ValueError, "trials must be at least 1 but got 0"),
        ({"trials": 2.0}, TypeError, "trials must be a whole number but got 2.0"),
        ({"seed": "a"}, TypeError, "seed must be a number"),
        ({"seed": 0.5}, TypeError, "seed must be a whole number but got 0.5"),
        ({"max_multiple": 0}, ValueError, "max_multiple must be at least 1 but got 0"),
        ({"fractions": None}, TypeError, "fractions must be True or False"),
        ({"direction": "up"}, ValueError, "direction must be one of"),
    ],
)
def test_settings_that_make_no_rule(settings, error, message):
    with pytest.raises(error, match=message):
        TpeRule(**settings)


@pytest.mark.parametrize("rule", [TpeRule(trials=14), TpeRule(4, 3, True, 1, "minimize")])
def test_it_keeps_every_promise_of_a_rule(rule):
    check_rule(rule, curves=6)


def test_the_docstring_is_true():
    outcome = doctest.testmod(tpe)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_one_evaluation():
    assert TpeRule(trials=1).finished([Evaluation.of(1, [0.5])]) == "trials"
