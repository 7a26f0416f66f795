import doctest
import math

import numpy as np
import pytest

from augsearch.records import Evaluation
from augsearch.search import Saturation, Sweep
from augsearch.search.rules import sweep
from augsearch.testing.rules import check_rule

NAN = math.nan
RULES = [Sweep, Saturation]
AMOUNTS = (0, 500, 1000, 2000)


def history(*scores, amounts=AMOUNTS):
    return [Evaluation.of(amount, [score]) for amount, score in zip(amounts, scores, strict=False)]


@pytest.mark.parametrize("kind", RULES)
def test_everything_is_proposed_at_once_and_then_what_is_left(kind):
    rule = kind(AMOUNTS)
    assert rule.propose([]) == AMOUNTS
    assert rule.propose(history(0.5, 0.9)) == (1000, 2000)
    assert rule.finished(history(0.5, 0.9)) is None
    assert rule.propose(history(0.5, 0.9, 0.1, 0.1)) == ()
    assert rule.finished(history(0.5, 0.9, 0.1, 0.1)) == "all_amounts"
    assert rule.finished(history(NAN, NAN, NAN, NAN)) == "no_finite_score"


@pytest.mark.parametrize(
    ("scores", "direction", "winner"),
    [
        ((0.5, 0.7, 0.9, 0.8), "maximize", 1000),
        ((0.5, 0.9, 0.9, 0.8), "maximize", 500),  # a tie: the smallest amount
        ((0.5, 0.7, NAN, 0.6), "maximize", 500),
        ((math.inf, 0.7, 0.8, NAN), "maximize", 1000),
        ((0.5, 0.7, 0.3, 0.3), "minimize", 1000),
        ((-math.inf, 0.7, 0.3, NAN), "minimize", 1000),
    ],
)
def test_sweep_takes_the_best(scores, direction, winner):
    assert Sweep(AMOUNTS, direction).best(history(*scores)).multiple == winner


@pytest.mark.parametrize(
    ("scores", "tolerance", "direction", "winner"),
    [
        ((0.70, 0.78, 0.785, 0.80), 0.0, "maximize", 2000),
        ((0.70, 0.78, 0.785, 0.80), 0.015, "maximize", 1000),
        ((0.70, 0.78, 0.785, 0.80), 0.02, "maximize", 500),
        ((0.70, 0.78, 0.785, 0.80), 0.1, "maximize", 0),
        ((NAN, 0.79, 0.785, 0.80), 0.02, "maximize", 500),
        ((0.80, 0.70, 0.60, 0.60), 0.02, "maximize", 0),  # harms: nothing is added
        ((0.9, 0.895, 0.8, 0.7), 0.005, "maximize", 0),
        ((0.895, 0.9, 0.8, 0.7), 0.005, "maximize", 0),  # 0.9 - 0.895 is a little over in binary
        ((1.0, 0.5, 0.42, 0.4), 0.02, "minimize", 1000),
        ((-math.inf, 0.5, 0.42, NAN), 0.02, "minimize", 1000),
    ],
)
def test_saturation_takes_the_smallest_that_is_about_as_good(scores, tolerance, direction, winner):
    rule = Saturation(AMOUNTS, tolerance, direction)
    assert rule.best(history(*scores)).multiple == winner


def test_the_best_so_far_moves_on_with_the_history():
    rule = Saturation(AMOUNTS, 0.02)
    assert rule.best([]) is None
    assert rule.best(history(0.7, 0.715)).multiple == 0
    assert rule.best(history(0.7, 0.715, 0.73)).multiple == 500


@pytest.mark.parametrize("kind", RULES)
def test_amounts_become_plain_numbers(kind):
    rule = kind(np.array([1, 2, 4]))
    assert rule.amounts == (1, 2, 4)
    assert all(type(amount) is int for amount in rule.amounts)
    assert [type(amount) for amount in kind([1, 1.5]).amounts] == [int, float]
    assert kind([1, 2]) == kind((1, 2))
    hash(kind([1, 2]))


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"amounts": ()}, ValueError, "amounts must not be empty"),
        ({"amounts": (1, 1)}, ValueError, "amounts must rise from 0 or more but are 1, 1"),
        ({"amounts": (2, 1.5)}, ValueError, "amounts must rise from 0 or more but are 2, 1.5"),
        ({"amounts": (-1, 1)}, ValueError, "amounts must rise from 0 or more but are -1, 1"),
        ({"amounts": (1, NAN)}, ValueError, "amounts must be finite but got nan"),
        ({"amounts": None}, TypeError, "amounts must be a list of numbers but got None"),
        ({"amounts": "12"}, TypeError, "amounts must be a list of numbers but got '12'"),
        ({"amounts": (1, "2")}, TypeError, "amounts must be a number but got '2'"),
        ({"amounts": (1, 2), "direction": "up"}, ValueError, "direction must be one of"),
    ],
)
def test_settings_that_make_no_rule(kind, settings, error, message):
    with pytest.raises(error, match=message):
        kind(**settings)


def test_a_tolerance_is_a_number_from_0():
    with pytest.raises(ValueError, match=r"tolerance must be at least 0 but got -0.1"):
        Saturation((1, 2), -0.1)
    with pytest.raises(ValueError, match="tolerance must be finite"):
        Saturation((1, 2), math.inf)
    with pytest.raises(TypeError, match="tolerance must be a number"):
        Saturation((1, 2), "small")


@pytest.mark.parametrize(
    "rule",
    [
        Sweep((1,)),
        Sweep((0, 500, 15000), "minimize"),
        Saturation((1, 1.5, 4, 8), 0.05),
        Saturation(tuple(range(40)), 0.01, "minimize"),
    ],
)
def test_they_keep_every_promise_of_a_rule(rule):
    check_rule(rule)


def test_the_docstrings_are_true():
    outcome = doctest.testmod(sweep)
    assert outcome.attempted > 0
    assert outcome.failed == 0
