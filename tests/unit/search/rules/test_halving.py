import doctest
import math

import pytest

from augsearch.records import Evaluation
from augsearch.search import Halving, find_optimal_multiple, smoothed_history
from augsearch.search.rules import halving
from augsearch.testing.rules import check_rule

GRID = (1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60)


def peak(k, at=15):
    return 0.9 - 0.03 * abs(math.log(k / at))


def told(amounts, score=peak):
    return [Evaluation.of(k, [score(k)]) for k in amounts]


def test_the_stages():
    rule = Halving()
    assert rule.multiples == rule.propose([]) == GRID
    assert rule.propose(told(GRID[:5])) == GRID[5:]
    top6, top3 = (6, 8, 11, 15, 20, 28), (11, 15, 20)
    assert rule.propose(told(GRID)) == top6
    assert rule.propose(told((*GRID, 6, 8))) == (11, 15, 20, 28)
    assert rule.propose(told(GRID + top6)) == top3 * 2
    assert rule.propose(told(GRID + top6 + (11, 15, 20, 11))) == (15, 20)
    whole = told(GRID + top6 + top3 * 2)
    assert len(whole) == 24
    assert rule.propose(whole) == ()
    assert (rule.finished(whole[:-1]), rule.finished(whole)) == (None, "all_rounds")
    assert all(type(k) is int for k in rule.propose(told(GRID)))


def test_later_scores_of_a_stage_do_not_move_its_amounts():
    history = told(GRID)
    history += told((6, 8, 11), lambda k: 0.0)
    assert Halving().propose(history) == (15, 20, 28)


def test_survivors_come_from_the_stage_before():
    # Everything that was repeated turns out bad, yet only what was repeated goes on.
    history = told(GRID) + told((6, 8, 11, 15, 20, 28), lambda k: 0.5 - k / 1000)
    asked = Halving().propose(history)
    assert set(asked) <= {6, 8, 11, 15, 20, 28}
    assert len(asked) == 6
    assert Halving().best(history).multiple not in asked


def test_neighbours_support_each_other():
    scores = dict.fromkeys(GRID, 0.80) | {2: 0.86, 11: 0.85, 15: 0.86, 20: 0.85, 28: 0.84}
    assert Halving().best(told(GRID, scores.get)).multiple in (11, 15, 20)


def test_the_score_is_the_posterior_mean():
    found = find_optimal_multiple(lambda k: peak(k) + (0.05 if k == 40 else 0), rule="halving")
    curve = smoothed_history(found.history)
    best = dict(zip(curve.at, curve.mean, strict=True))
    assert found.score == best[found.multiple] == max(curve.mean)
    assert (found.smoothed.multiple, found.smoothed.mean) == (found.multiple, found.score)
    scores = {entry.multiple: entry.score for entry in found.history}
    assert found.score < max(scores.values())
    assert (found.reason, len(found.history)) == ("all_rounds", 24)


def test_a_function_is_called_again_for_further_replicates():
    calls = []
    found = find_optimal_multiple(
        lambda k: calls.append(k) or peak(k) + 0.001 * len(calls), rule="halving", replicates=2
    )
    assert len(calls) == 48
    assert [entry.multiple for entry in found.history] == calls[::2]
    assert found.history[0].scores == pytest.approx((peak(1) + 0.001, peak(1) + 0.002))


def test_a_stage_is_asked_for_at_once_with_its_rounds():
    class Numbered:
        def __init__(self):
            self.calls = []

        def score_many(self, multiples):
            return self.score_rounds([(multiple, 0) for multiple in multiples])

        def score_rounds(self, asked):
            self.calls.append(asked)
            return ([peak(multiple), peak(multiple)] for multiple, _ in asked)

    score = Numbered()
    found = find_optimal_multiple(score, rule="halving", max_multiple=4)
    assert score.calls == [
        [(1, 0), (2, 0), (3, 0), (4, 0)],
        [(1, 1), (2, 1), (3, 1), (4, 1)],
        [(2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (4, 3)],
    ]
    assert len(found.history) == 14


def test_minimize():
    found = find_optimal_multiple(lambda k: -peak(k), rule="halving", direction="minimize")
    assert (found.multiple, found.stopped_at) == (15, 20)


def test_nan_never_wins_and_is_not_repeated():
    found = find_optimal_multiple(lambda k: math.nan if k > 8 else peak(k), rule="halving")
    assert found.multiple == 8
    asked = [entry.multiple for entry in found.history]
    assert asked[12:18] == [1, 2, 3, 4, 6, 8]
    assert all(asked.count(k) == 1 for k in GRID if k > 8)
    lost = find_optimal_multiple(lambda k: math.nan, rule="halving")
    assert (lost.multiple, lost.score, lost.smoothed) == (None, None, None)
    assert (lost.reason, len(lost.history)) == ("no_finite_score", 12)


def test_a_further_replicate_that_fails_disqualifies():
    calls = []

    def score(k):
        calls.append(k)
        return math.nan if k == 15 and calls.count(15) == 2 else peak(k)

    found = find_optimal_multiple(score, rule="halving")
    assert found.multiple != 15
    assert calls.count(15) == 2


@pytest.mark.parametrize(
    ("settings", "multiples"),
    [
        ({"max_multiple": None}, GRID),
        ({"max_multiple": 1}, (1,)),
        ({"max_multiple": 1.4, "fractions": True}, (1, 1.25)),
        ({"max_multiple": 10}, (1, 2, 3, 4, 6, 8)),
        ({"max_multiple": 200}, (*GRID, 80, 120, 160)),
        ({"max_multiple": 240}, (*GRID, 80, 120, 160, 240)),
        ({"max_multiple": 3, "fractions": True}, (1, 1.25, 1.5, 2, 3)),
    ],
)
def test_the_grid(settings, multiples):
    assert Halving(**settings).multiples == multiples


def test_few_amounts_all_go_on():
    rule = Halving(max_multiple=2)
    assert rule.propose(told((1, 2))) == (1, 2)
    assert rule.propose(told((1, 2) * 2)) == (1, 2, 1, 2)
    assert Halving(max_multiple=1).best(told((1,))) == Evaluation.of(1, [peak(1)])
    found = find_optimal_multiple(peak, rule="halving", max_multiple=1)
    assert (found.multiple, found.score, len(found.history)) == (1, peak(1), 4)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"max_multiple": 0.5}, ValueError, "max_multiple must be at least 1 but got 0.5"),
        ({"max_multiple": math.inf}, ValueError, "max_multiple must be finite"),
        ({"max_multiple": "60"}, TypeError, "max_multiple must be a number"),
        ({"fractions": 1}, TypeError, "fractions must be True or False but got 1"),
        ({"direction": "up"}, ValueError, "direction must be one of"),
    ],
)
def test_settings_that_make_no_rule(settings, error, message):
    with pytest.raises(error, match=message):
        Halving(**settings)


@pytest.mark.parametrize(
    "rule", [Halving(), Halving(7, fractions=True), Halving(1), Halving(direction="minimize")]
)
def test_it_keeps_every_promise_of_a_rule(rule):
    check_rule(rule, curves=25)


def test_the_docstring_is_true():
    outcome = doctest.testmod(halving)
    assert outcome.attempted > 0
    assert outcome.failed == 0
