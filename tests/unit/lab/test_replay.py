import pytest

from augsearch.lab.replay import Contender, replay
from augsearch.records import Evaluation
from augsearch.search.optimal import find_optimal_multiple
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.smoothing import smoothed_optimum

CURVE = {1: 0.8, 2: 0.83, 3: 0.81, 4: 0.86, 5: 0.82, 6: 0.81, 7: 0.85, 8: 0.80}


def known(amount, number):
    return [CURVE[amount]] if amount in CURVE else None


@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_a_replay_is_the_search_itself(window):
    rule = SlidingWindow(window)
    replayed = replay(rule, known)
    found = find_optimal_multiple(CURVE.get, rule=rule)
    assert replayed.history == found.history
    assert replayed.missing is None
    choice = Contender(rule).choice(replayed.history, None)
    assert choice == (found.multiple, found.score)


def test_a_replay_ends_where_the_scores_do():
    replayed = replay(SlidingWindow(6), known)
    assert [entry.multiple for entry in replayed.history] == list(CURVE)
    assert replayed.missing == (9, 0)


def test_rounds_of_an_amount_are_numbered():
    asked = []

    def scores(amount, number):
        asked.append((amount, number))
        return [0.8 - 0.01 * abs(amount - 6) + 0.001 * number]

    assert replay(Halving(max_multiple=60), scores).missing is None
    assert len(asked) == len(set(asked)) == 12 + 6 + 3 * 2
    numbers = [number for amount, number in asked if amount == 6]
    assert numbers == [0, 1, 2, 3]


def test_a_round_that_is_not_there_is_missing():
    def once(amount, number):
        return [0.8] if number == 0 else None

    replayed = replay(Halving(max_multiple=60), once)
    assert len(replayed.history) == 12
    assert replayed.missing[1] == 1


def test_smoothed_choices_are_those_of_the_smoothed_optimum():
    history = [Evaluation.of(amount, [score]) for amount, score in CURVE.items()]
    for direction in ("maximize", "minimize"):
        rule = SlidingWindow(3, direction=direction)
        contender = Contender(rule, smooth=True)
        optimum = smoothed_optimum(history, 0.02**2, direction)
        assert contender.choice(history, 0.02**2) == (optimum.multiple, optimum.mean)


def test_without_a_finite_score_there_is_no_choice():
    history = [Evaluation.of(1, [float("nan")])]
    for smooth in (False, True):
        assert Contender(SlidingWindow(3), smooth=smooth).choice(history, None) is None


def test_names():
    assert Contender(SlidingWindow(3)).name == "sliding window 3"
    three = Contender(SlidingWindow(3), replicates=3, smooth=True)
    assert three.name == "sliding window 3, smoothed"
