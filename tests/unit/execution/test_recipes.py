import pytest
from hypothesis import given
from hypothesis import strategies as st

from augsearch.execution.recipes import (
    Ingredient,
    Recipe,
    arm_recipe,
    describe,
    fixed_multiple,
    in_order,
    sources_of,
)
from augsearch.study.schema.arms import Addition, Arm, SearchOptions

counts = st.lists(st.integers(1, 500), min_size=2, max_size=4).map(tuple)
multiples = st.floats(1, 40, allow_nan=False)


def search(source="gan"):
    return SearchOptions(source=source)


@given(counts, multiples, multiples)
def test_a_larger_multiple_contains_every_smaller_one(real, one, other):
    arms = {"a": Arm(balance="gan", search=search())}
    small = arm_recipe(arms, "a", min(one, other), real, {})
    large = arm_recipe(arms, "a", max(one, other), real, {})
    for few, many in zip(small.ingredients, large.ingredients, strict=False):
        assert few.source == many.source
        assert few.starts == many.starts
        assert all(a <= b for a, b in zip(few.counts, many.counts, strict=True))


@given(counts, st.integers(1, 30))
def test_whole_multiples_have_exactly_k_times_the_base_size(real, multiple):
    arms = {"a": Arm(search=search()), "b": Arm(balance="gan", search=search())}
    assert len(arm_recipe(arms, "a", multiple, real, {})) == multiple * sum(real)
    balanced = arm_recipe(arms, "b", multiple, real, {})
    assert balanced.class_counts == (multiple * max(real),) * len(real)


def test_kong_et_al_2022_k_14_of_304_images_gives_4256():
    arms = {"search": Arm(search=search())}
    assert len(arm_recipe(arms, "search", 14, (152, 152), {})) == 4256


def test_a_source_used_twice_goes_on_where_it_stopped():
    arms = {"a": Arm(balance="gan", add=(Addition(source="gan", multiple=2),))}
    recipe = arm_recipe(arms, "a", 1, (10, 4), {})
    assert recipe.ingredients == (
        Ingredient("gan", (0, 0), (0, 6)),
        Ingredient("gan", (0, 6), (10, 10)),
    )


def test_fixed_additions_are_multiples_of_the_same_base():
    add = (Addition(source="classic", multiple=2), Addition(source="gan", multiple=3))
    arms = {"a": Arm(add=add)}
    assert arm_recipe(arms, "a", 1, (10, 4), {}).class_counts == (40, 16)
    assert fixed_multiple(arms["a"]) == 4


def test_an_arm_starts_from_the_chosen_set_of_its_base():
    arms = {"second": Arm(base="first", search=search()), "first": Arm(search=search("classic"))}
    recipe = arm_recipe(arms, "second", 2, (10, 5), {"first": 3.0})
    assert recipe.class_counts == (60, 30)
    assert [one.source for one in recipe.ingredients] == ["classic", "gan"]
    assert in_order(arms) == ("first", "second")
    assert sources_of(arms) == ("gan", "classic")


@pytest.mark.parametrize(("count", "multiple", "extra"), [(5, 1.5, 3), (10, 1.05, 1), (3, 1.1, 0)])
def test_fractions_round_half_up(count, multiple, extra):
    assert Recipe((count, count)).extra(multiple) == (extra, extra)


def test_describe_says_what_is_inside():
    arm = Arm(balance="gan", add=(Addition(source="classic", multiple=3),), search=search())
    assert describe(arm) == (
        "real images, balanced by gan, plus 2 times as many from classic, "
        "plus (K - 1) times as many from gan"
    )
