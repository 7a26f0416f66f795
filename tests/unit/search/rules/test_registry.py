import pytest
from pydantic import ValidationError

from augsearch.records import Evaluation
from augsearch.search import Halving, Saturation, SlidingWindow, Sweep, TpeRule
from augsearch.search.rules.registry import chooses_smoothed, rule_of
from augsearch.study.schema.arms import (
    HalvingSearch,
    SaturationSearch,
    SweepSearch,
    TpeSearch,
    WindowSearch,
)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_every_search_table_becomes_its_rule(direction):
    window = WindowSearch(source="gan", window=3, start=2, step=0.5, max_multiple=9, min_delta=0.1)
    assert rule_of(window, direction) == SlidingWindow(3, 2.0, 0.5, 9.0, 0.1, direction)
    sweep = SweepSearch(source="gan", rule="sweep", multiples=(1, 2.5))
    assert rule_of(sweep, direction) == Sweep((1.0, 2.5), direction)
    search = SaturationSearch(source="gan", rule="saturation", per_class=(0, 100), tolerance=0.02)
    assert rule_of(search, direction) == Saturation((0.0, 100.0), 0.02, direction)
    halving = HalvingSearch(source="gan", rule="halving", max_multiple=9, fractions=True)
    assert rule_of(halving, direction, seed=3) == Halving(9.0, True, direction)
    tpe = TpeSearch(source="gan", rule="tpe", max_multiple=9, trials=5, fractions=True)
    assert rule_of(tpe, direction, seed=3) == TpeRule(9.0, 5, True, 3, direction)


def test_defaults_of_tables_are_those_of_the_rules():
    assert rule_of(WindowSearch(source="gan"), "maximize") == SlidingWindow()
    search = SaturationSearch(source="gan", rule="saturation", added=(0, 5))
    assert rule_of(search, "maximize") == Saturation((0, 5))
    assert rule_of(HalvingSearch(source="gan", rule="halving"), "maximize") == Halving()
    assert rule_of(TpeSearch(source="gan", rule="tpe"), "maximize") == TpeRule()


def test_searches_that_repeat_amounts_count_multiples():
    assert HalvingSearch(source="gan", rule="halving").unit == "multiple"
    with pytest.raises(ValidationError, match="max_multiple"):
        TpeSearch(source="gan", rule="tpe", max_multiple=0.5)


def test_the_rules_that_score_by_the_smoothed_curve():
    history = [Evaluation.of(k, [score]) for k, score in ((1, 0.7), (2, 0.9), (4, 0.72))]
    for search in (
        WindowSearch(source="gan"),
        SweepSearch(source="gan", rule="sweep", multiples=(1, 2, 4)),
        SaturationSearch(source="gan", rule="saturation", multiples=(1, 2, 4)),
        HalvingSearch(source="gan", rule="halving"),
        TpeSearch(source="gan", rule="tpe"),
    ):
        best = rule_of(search, "maximize").best(history)
        assert chooses_smoothed(search) == (best.score != 0.9)
    assert not chooses_smoothed(None)
