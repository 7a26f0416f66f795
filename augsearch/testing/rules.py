"""Whether a search rule keeps its promises: pure, certain in what it proposes, and ending."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.rounds import merged, rounds
from augsearch.seeds import Seed

Curve = Callable[[float, int], float]
"""(amount, round of replicates) -> score."""


def check_rule(rule: SearchRule, curves: int = 100, limit: int = 10_000) -> None:
    """Assert everything that augsearch relies on in a search rule, on random score curves.

    The curves rise, fall, saturate or are flat, with noise, ties and NaN in them; one is NaN
    throughout. On each of them, evaluating all proposed amounts at once must give the history of
    evaluating one amount at a time. An amount that is proposed again has another score. The winner
    may be any amount whose scores are all finite, not just the best, and its own score may be a
    smoothed one.

    Args:
        rule: The rule; it must end on every curve.
        curves: How many curves.
        limit: Evaluations after which a search counts as endless.

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    for number in range(curves):
        curve = random_curve(number) if number else _nowhere
        one = _search(rule, curve, limit, at_once=False)
        many = _search(rule, curve, limit, at_once=True)
        # repr, because NaN differs from itself
        assert repr(many) == repr(one), (
            f"curve {number}: all proposed amounts at once must give the history of one at a "
            f"time, {_amounts(one)}, but gave {_amounts(many)}"
        )


def _search(rule: SearchRule, curve: Curve, limit: int, at_once: bool) -> list[Evaluation]:
    history: list[Evaluation] = []
    while proposed := _proposed(rule, history):
        asked = proposed if at_once else proposed[:1]
        for multiple, round_ in zip(asked, rounds(asked, history), strict=True):
            history.append(Evaluation.of(multiple, [curve(multiple, round_)]))
        assert len(history) <= limit, f"the search must end but went on after {limit} evaluations"
    return history


def _proposed(rule: SearchRule, history: Sequence[Evaluation]) -> tuple[float, ...]:
    """Ask the rule for amounts and check what can be checked on one history."""
    history = tuple(history)
    proposed, reason, best = rule.propose(history), rule.finished(history), rule.best(history)
    assert proposed == rule.propose(history), "propose must depend on the history alone"
    assert reason == rule.finished(history), "finished must depend on the history alone"
    assert best == rule.best(history), "best must depend on the history alone"
    assert bool(proposed) == (reason is None), (
        f"propose must be empty exactly when finished gives a reason but they gave {proposed} "
        f"and {reason!r}"
    )
    assert reason is None or reason, "a reason must not be empty"
    assert all(0 <= amount < math.inf for amount in proposed), (
        f"amounts must be at least 0: {proposed}"
    )
    finite = [entry.multiple for entry in merged(history) if math.isfinite(entry.score)]
    assert (best is None) == (not finite), "best must be None exactly when no score is finite"
    assert best is None or (best.multiple in finite and math.isfinite(best.score)), (
        f"best must be an amount of the history whose scores are finite: {best}"
    )
    return proposed


def random_curve(number: int) -> Curve:
    """Return a score curve over amounts: a pure function of `number`, amount and round.

    Rise and fall level out, so that rules for either direction come to an end.
    """
    rng = Seed.of(number, "curve").generator()
    gain, fall = rng.uniform(-0.1, 0.2), rng.choice([0, 0.002, 0.02])
    noise, missing = rng.choice([0, 0.01, 0.1]), rng.choice([0, 0, 0.2, 0.9])
    digits = int(rng.choice([1, 2, 16]))  # coarse scores tie

    def score(multiple: float, round_: int = 0) -> float:
        draw = Seed.of(number, "score", repr(float(multiple)), round_).generator()
        if draw.random() < missing:
            return math.nan
        level = 0.7 + gain * (1 - math.exp(-multiple / 5)) - fall * min(multiple, 40)
        return round(float(level + noise * draw.standard_normal()), digits)

    return score


def _nowhere(multiple: float, round_: int) -> float:
    return math.nan


def _amounts(history: Sequence[Evaluation]) -> str:
    return ", ".join(f"{entry.multiple:g}" for entry in history[-30:])
