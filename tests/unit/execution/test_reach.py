from dataclasses import replace

import pytest

from augsearch.execution.reach import Shortage, end_of, least_addition, rule_of_arm, shortage
from augsearch.execution.recipes import Recipe
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.study.schema.arms import Arm

REAL = Recipe((10, 6))


def short_at(amount, sizes=(30, None)):
    """What K times REAL lacks of a source with 30 images of the first class."""
    return shortage(REAL.plus("made", REAL.extra(amount)), {"made": sizes})


@pytest.mark.parametrize("sizes", [(30, 18), (None, None), (30, None), (31, 99)])
def test_nothing_lacks_as_long_as_there_is_one_image_for_each_that_is_needed(sizes):
    assert short_at(4, sizes) is None


def test_what_lacks_is_the_first_class_that_has_too_few_for_all_ingredients():
    assert short_at(4, (30, 17)) == Shortage("made", 1, 18, 17)
    twice = REAL.plus("made", (20, 0)).plus("made", (11, 0))
    assert shortage(twice, {"made": (30, None)}) == Shortage("made", 0, 31, 30)
    others = REAL.plus("endless", (900, 900)).plus("made", (0, 7))
    assert shortage(others, {"endless": (None, None), "made": (0, 6)}).source == "made"


@pytest.mark.parametrize(
    ("rule", "last", "beyond"),
    [
        (SlidingWindow(12), 4, 5),
        (SlidingWindow(2, max_multiple=60), 4, 5),
        (SlidingWindow(12, step=0.25), 4.0, 4.25),
        (SlidingWindow(12, start=2, step=1.5), 3.5, 5.0),
        (Halving(), 4, 5),
        (Halving(max_multiple=9, fractions=True), 4, 5),
        (TpeRule(trials=7), 4, 5),
    ],
)
def test_a_search_for_k_ends_with_the_last_amount_that_there_is_enough_for(rule, last, beyond):
    end = end_of(rule, short_at)
    assert (end.last, end.beyond, end.short) == (last, beyond, short_at(beyond))
    assert end.rule == replace(rule, max_multiple=last)
    assert short_at(last) is None


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        (SlidingWindow(12), (None, None)),
        (SlidingWindow(12, max_multiple=4), (30, None)),
        (SlidingWindow(12, max_multiple=4.5), (30, None)),
        (SlidingWindow(12, start=5), (30, None)),  # the source's own words come when it is asked
        (SlidingWindow(12), (9, None)),  # K = 1 alone would be no search
        (Halving(), (9, None)),
        (Halving(max_multiple=4), (30, None)),
        (Halving(), (None, None)),
        (Sweep((1, 9)), (30, None)),  # every amount of a list is wanted
    ],
)
def test_a_search_that_has_enough_or_asks_for_a_list_is_not_ended(rule, sizes):
    assert end_of(rule, lambda amount: short_at(amount, sizes)) is None


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        (SlidingWindow(12), 2),
        (SlidingWindow(1, step=0.5), 1.5),
        (SlidingWindow(12, start=3), 3),
        (SlidingWindow(12, max_multiple=1.5), 1),
        (Halving(max_multiple=9), 2),
        (TpeRule(), 2),
        (Sweep((1, 9)), None),
    ],
)
def test_a_search_for_k_has_to_add_images_once(rule, first):
    assert least_addition(rule) == first


def test_the_end_is_told_with_the_class_and_both_numbers():
    assert end_of(SlidingWindow(12), short_at).words(("no", "yes"), "arm") == (
        "the search of arm 'arm' ends at K = 4 at the latest, with source 'made': K = 5 needs "
        "40 images of class 'no' and there are 30; add images if it should go on"
    )


def test_an_arm_without_a_search_asks_for_its_one_amount():
    arm = Arm.model_validate({"add": [{"source": "made", "multiple": 3}]})
    assert rule_of_arm(arm, "maximize", 0).propose([]) == (3.0,)
