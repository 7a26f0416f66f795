import pytest

from augsearch.search import Saturation, SlidingWindow, Sweep
from augsearch.search.study_rules import rule_of
from augsearch.study.schema.arms import SaturationSearch, SweepSearch, WindowSearch


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_every_search_table_becomes_its_rule(direction):
    window = WindowSearch(source="gan", window=3, start=2, step=0.5, max_multiple=9, min_delta=0.1)
    assert rule_of(window, direction) == SlidingWindow(3, 2.0, 0.5, 9.0, 0.1, direction)
    sweep = SweepSearch(source="gan", rule="sweep", multiples=(1, 2.5))
    assert rule_of(sweep, direction) == Sweep((1.0, 2.5), direction)
    search = SaturationSearch(source="gan", rule="saturation", per_class=(0, 100), tolerance=0.02)
    assert rule_of(search, direction) == Saturation((0.0, 100.0), 0.02, direction)


def test_defaults_of_tables_are_those_of_the_rules():
    assert rule_of(WindowSearch(source="gan"), "maximize") == SlidingWindow()
    search = SaturationSearch(source="gan", rule="saturation", added=(0, 5))
    assert rule_of(search, "maximize") == Saturation((0, 5))
