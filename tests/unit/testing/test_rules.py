import math

import pytest

from augsearch.search.base import SearchRule
from augsearch.testing.rules import check_rule, random_curve


class Patience(SearchRule):
    """Whole amounts until `window` of them brought no gain, except for a stated fault."""

    def __init__(self, fault=None, window=3):
        self.fault, self.window, self.calls = fault, window, 0

    def best(self, history):
        finite = [entry for entry in history if math.isfinite(entry.score)]
        if self.fault == "best is first":
            return history[0] if history else None
        if self.fault == "fickle":
            self.calls += 1
            return finite[self.calls % len(finite)] if finite else None
        return max(finite, key=lambda entry: entry.score, default=None)

    def end(self, history):
        best = self.best(history)
        return self.window + (best.multiple if best else 0)

    def propose(self, history):
        self.calls += 1
        done, end = len(history), int(self.end(history))
        extra = {"too far": 2, "stateful": self.calls % 2}.get(self.fault, 0)
        if done >= end:
            return ()
        first = -1 if self.fault == "below zero" else done + 1
        return tuple(float(k) for k in range(first, end + extra + 1))

    def finished(self, history):
        if len(history) < int(self.end(history)):
            return None
        return "" if self.fault == "empty reason" else "window"


class Endless(Patience):
    def propose(self, history):
        return (len(history) + 1.0,)

    def finished(self, history):
        return None


@pytest.mark.parametrize("window", [1, 3, 12])
def test_a_good_rule_passes(window):
    check_rule(Patience(window=window))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("too far", "must give the history of one at a time"),
        ("stateful", "must depend on the history alone"),
        ("below zero", "at least 0"),
        ("empty reason", "reason must not be empty"),
        ("fickle", "must depend on the history alone"),
        ("best is first", "best must be None exactly when no score is finite"),
    ],
)
def test_every_broken_promise_is_found(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_rule(Patience(fault))


def test_a_rule_that_never_ends_is_found():
    with pytest.raises(AssertionError, match="must end but went on after 50"):
        check_rule(Endless(), limit=50)


def test_curves_are_pure_and_have_gaps_and_ties():
    scores = [[random_curve(number)(k) for k in range(1, 20)] for number in range(30)]
    assert repr(scores[7]) == repr([random_curve(7)(k) for k in range(1, 20)])
    assert any(math.isnan(score) for curve in scores for score in curve)
    assert any(0 < len(set(curve)) < 10 for curve in scores)
    assert sum(any(math.isfinite(score) for score in curve) for curve in scores) > 25
