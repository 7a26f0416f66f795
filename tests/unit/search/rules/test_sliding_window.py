import doctest
import math

import numpy as np
import pytest

from augsearch.records import Evaluation
from augsearch.search import SlidingWindow
from augsearch.search.rules import sliding_window

NAN = math.nan


def history(*scores, start=1, step=1):
    return [Evaluation.of(start + i * step, [score]) for i, score in enumerate(scores)]


def test_best_at_14_and_a_window_of_12_stop_at_26():
    rule = SlidingWindow()
    curve = history(*[0.8 - 0.01 * abs(k - 14) for k in range(1, 27)])
    assert rule.finished(curve[:25]) is None
    assert rule.finished(curve) == "window"
    assert rule.best(curve).multiple == 14


@pytest.mark.parametrize(
    ("scores", "certain"),
    [
        ([], (1, 2, 3)),  # nothing finite yet: the window itself
        ([NAN], (2, 3)),
        ([NAN, NAN, NAN], ()),
        ([NAN, 0.5], (3, 4, 5)),
        ([0.5, 0.4], (3, 4)),
        ([0.5, 0.4, 0.6], (4, 5, 6)),
        ([0.5, 0.4, 0.5], (4,)),  # a tie: the smaller amount stays the best
        ([0.5, 0.4, 0.5, 0.1], ()),
    ],
)
def test_certain_look_ahead(scores, certain):
    rule = SlidingWindow(window=3)
    assert rule.propose(history(*scores)) == certain
    assert (rule.finished(history(*scores)) is None) == bool(certain)


def test_look_ahead_ends_at_max_multiple():
    rule = SlidingWindow(window=3, max_multiple=2.5)
    assert rule.propose([]) == (1, 2)
    assert rule.finished(history(0.1, 0.2)) == "max_multiple"
    assert rule.finished(history(NAN, NAN)) == "no_finite_score"


def test_both_limits_at_the_same_amount_count_as_window():
    rule = SlidingWindow(window=2, max_multiple=3)
    assert rule.finished(history(0.3, 0.2, 0.1)) == "window"


@pytest.mark.parametrize("odd", [NAN, math.inf, -math.inf])
def test_only_finite_scores_win(odd):
    for direction in ("maximize", "minimize"):
        rule = SlidingWindow(window=5, direction=direction)
        assert rule.best(history(odd, 0.5, odd)).multiple == 2
        assert rule.best(history(odd, odd)) is None


def test_min_delta_is_measured_from_the_running_best():
    rule = SlidingWindow(window=9, min_delta=0.25)
    # 0.25 more is no gain; many small steps add up to one against the best that stands.
    assert rule.best(history(0.0, 0.25)).multiple == 1
    assert rule.best(history(0.0, 0.25, 0.375, 0.5)).multiple == 3


def test_minimize_takes_the_smallest():
    rule = SlidingWindow(window=9, direction="minimize", min_delta=0.25)
    assert rule.best(history(1.0, 0.75, 0.5, 2.0)).multiple == 3


def test_fractional_steps_do_not_drift():
    rule = SlidingWindow(window=40, step=0.1)
    assert rule.propose([]) == tuple(float(f"{1 + i // 10}.{i % 10}") for i in range(40))
    assert SlidingWindow(window=40, step=0.1, max_multiple=1.3).propose([]) == (1.0, 1.1, 1.2, 1.3)


def test_amounts_are_ints_if_start_and_step_are():
    assert all(type(k) is int for k in SlidingWindow(start=np.int64(2), step=3).propose([]))
    assert all(type(k) is float for k in SlidingWindow(step=1.0).propose([]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "window must be at least 1 but got 0"),
        ({"start": 0}, "start must be at least 1 but got 0"),
        ({"step": 0}, "step must be above 0 .* but got 0"),
        ({"step": -1}, "step must be above 0 .* but got -1"),
        ({"step": 1e-14}, "step must be above 0 and not vanish"),
        ({"step": math.inf}, "step must be finite"),
        ({"start": math.nan}, "start must be finite"),
        ({"start": 3, "max_multiple": 2}, r"max_multiple must be at least start \(3\) but got 2"),
        ({"min_delta": -0.1}, "min_delta must be at least 0 but got -0.1"),
        ({"direction": "up"}, "direction must be one of maximize, minimize but got 'up'"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(**settings)


@pytest.mark.parametrize("settings", [{"window": 2.5}, {"window": True}, {"start": "1"}])
def test_settings_of_the_wrong_type(settings):
    with pytest.raises(TypeError, match=f"{next(iter(settings))} must be a"):
        SlidingWindow(**settings)


def test_the_docstring_is_true():
    outcome = doctest.testmod(sliding_window)
    assert outcome.attempted > 0
    assert outcome.failed == 0
