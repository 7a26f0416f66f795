import doctest
import math

from augsearch.records import Evaluation
from augsearch.search import merged, rounds
from augsearch.search.rounds import rounds as rounds_of


def test_rounds_of_an_amount_become_one_evaluation():
    history = [
        Evaluation.of(4, [0.5, 0.7]),
        Evaluation.of(1, [0.1, 0.2]),
        Evaluation.of(4, [0.9, 0.7]),
    ]
    low, high = merged(history)
    assert low == history[1]
    assert high == Evaluation(4.0, 0.7, (0.5, 0.7, 0.9, 0.7))


def test_one_missing_replicate_of_any_round_disqualifies_the_amount():
    (one,) = merged([Evaluation.of(2, [0.5]), Evaluation.of(2, [math.nan])])
    assert math.isnan(one.score)
    assert merged([]) == ()


def test_a_round_is_how_often_the_amount_came_before():
    history = [Evaluation.of(k, [0.5]) for k in (1, 2, 2.5, 2)]
    assert rounds_of((1, 2, 2.5, 3, 1.0, 2), history) == (1, 2, 1, 0, 2, 3)
    assert rounds_of((), history) == ()


def test_the_docstrings_are_true():
    outcome = doctest.testmod(rounds)
    assert outcome.attempted > 0
    assert outcome.failed == 0
