import pytest

from augsearch.errors import AugsearchError
from augsearch.execution.recipes import (
    Ingredient,
    Recipe,
    arm_recipe,
    describe,
    fixed_amount,
    shared_out,
    sources_of_arm,
)
from augsearch.study.schema.arms import Addition, Arm, SweepSearch, WindowSearch


def search(source="gan"):
    return WindowSearch(source=source)


def sweep(source="gan", **amounts):
    return SweepSearch(source=source, rule="sweep", **amounts)


def recipe_of(arm, real, amount=1.0):
    return arm_recipe({"a": arm}, "a", amount, real, {}, {})


def test_kong_et_al_2022_k_14_of_304_images_gives_4256():
    assert len(recipe_of(Arm(search=search()), (152, 152), 14)) == 4256


def test_a_source_used_twice_goes_on_where_it_stopped():
    arm = Arm(balance="gan", add=(Addition(source="gan", multiple=2),))
    assert recipe_of(arm, (10, 4)).ingredients == (
        Ingredient("gan", (0, 0), (0, 6)),
        Ingredient("gan", (0, 6), (10, 10)),
    )


def test_fixed_additions_are_multiples_of_the_same_base():
    add = (Addition(source="classic", multiple=2), Addition(source="gan", multiple=3))
    arm = Arm(add=add)
    assert recipe_of(arm, (10, 4)).class_counts == (40, 16)
    assert fixed_amount(arm) == 4


def test_counts_in_all_are_shared_out_as_the_base_set_is():
    arm = Arm(add=(Addition(source="classic", added=30), Addition(source="gan", added=7)))
    recipe = recipe_of(arm, (20, 10))
    assert recipe.ingredients == (
        Ingredient("classic", (0, 0), (20, 10)),
        Ingredient("gan", (0, 0), (5, 2)),
    )
    assert fixed_amount(arm) == 37
    balanced = recipe_of(arm.model_copy(update={"balance": "gan"}), (20, 10))
    assert balanced.class_counts == (39, 38)


def test_counts_per_class():
    arm = Arm(add=(Addition(source="classic", per_class=30), Addition(source="gan", per_class=7)))
    assert recipe_of(arm, (20, 10)).class_counts == (57, 47)
    assert fixed_amount(arm) == 37


def test_amounts_that_add_nothing():
    nothing = [{"multiple": 1}, {"added": 0}, {"per_class": 0}]
    assert [fixed_amount(Arm(add=[Addition(source="gan", **one)])) for one in nothing] == [1, 0, 0]
    for one in nothing:
        assert recipe_of(Arm(add=[Addition(source="gan", **one)]), (3, 2)) == Recipe((3, 2))
    assert recipe_of(Arm(search=sweep(added=(0, 5))), (3, 2), 0.0) == Recipe((3, 2))
    assert fixed_amount(Arm()) == 1


@pytest.mark.parametrize(("unit", "amount"), [("multiple", 0.5), ("added", -1), ("per_class", -1)])
def test_less_than_nothing_is_refused(unit, amount):
    with pytest.raises(ValueError, match=f"counted by {unit} must be at least [01] but got"):
        Recipe((10, 10)).extra(amount, unit)
    with pytest.raises(ValueError, match="must be at least 1 but got nan"):
        Recipe((10, 10)).extra(float("nan"))


def test_without_real_images_sizes_are_those_of_the_whole_set():
    arm = Arm(real=0, add=(Addition(source="gan", multiple=2),))
    assert recipe_of(arm, (10, 4)) == Recipe((0, 0), (Ingredient("gan", (0, 0), (10, 4)),))
    assert fixed_amount(arm) == 2
    arm = Arm(real=0, search=search())
    assert recipe_of(arm, (10, 4), 3.5).class_counts == (25, 10)


def test_half_of_the_real_images_and_as_many_others():
    arm = Arm(real=0.5, add=(Addition(source="gan", multiple=1.5),))
    # The half of 5 that is left out is rounded up, and so is the one that is added.
    assert recipe_of(arm, (10, 5)) == Recipe((5, 2), (Ingredient("gan", (0, 0), (5, 3)),))


def test_a_share_is_balanced_within_itself_and_counts_in_sizes_of_the_balanced_whole():
    arm = Arm(real=0.5, balance="classic", add=(Addition(source="gan", multiple=1.5),))
    assert recipe_of(arm, (20, 8)) == Recipe(
        (10, 4), (Ingredient("classic", (0, 0), (0, 6)), Ingredient("gan", (0, 0), (10, 10)))
    )
    without = Arm(real=0, balance="classic", search=search())
    assert recipe_of(without, (20, 8), 2.0) == Recipe(
        (0, 0), (Ingredient("gan", (0, 0), (20, 20)),)
    )


def test_a_searched_amount_counts_in_sizes_of_the_set_with_its_fixed_additions():
    arm = Arm(real=0.5, add=(Addition(source="classic", multiple=2),), search=search())
    assert recipe_of(arm, (10, 4), 1.0).class_counts == (15, 6)
    assert recipe_of(arm, (10, 4), 2.0).class_counts == (35, 14)


@pytest.mark.parametrize(
    ("arm", "real", "amount"),
    [
        (Arm(real=0.01, search=search()), (100, 10), 1.0),
        (Arm(real=0, add=(Addition(source="gan", added=1),)), (9, 3), 1.0),
        (Arm(real=0, search=sweep(multiples=(1.1,))), (9, 3), 1.1),
    ],
)
def test_a_set_without_a_class_is_refused(arm, real, amount):
    message = r"arm 'a' must train on .* none of class number 1 at .* has \d+ real ones"
    with pytest.raises(AugsearchError, match=message):
        recipe_of(arm, real, amount)


def test_a_class_without_real_images_stays_empty():
    assert recipe_of(Arm(search=sweep(added=(7,))), (10, 0, 4), 7).class_counts == (15, 0, 6)


def test_an_arm_starts_from_the_chosen_set_of_its_base():
    arms = {"second": Arm(base="first", search=search()), "first": Arm(search=search("classic"))}
    recipe = arm_recipe(arms, "second", 2, (10, 5), {"first": 3.0}, {})
    assert recipe.class_counts == (60, 30)
    assert [one.source for one in recipe.ingredients] == ["classic", "gan"]


def test_frid_adar_et_al_2018_synthetic_images_per_class_on_top_of_the_chosen_classic_ones():
    arms = {
        "classic": Arm(search=sweep("classic", added=(0, 500, 5000))),
        "both": Arm(base="classic", search=sweep("dcgan", per_class=(100, 500))),
    }
    recipe = arm_recipe(arms, "both", 500, (36, 42, 44), {"classic": 500.0}, {})
    classic, dcgan = recipe.ingredients
    assert recipe.real == (36, 42, 44)
    assert (classic.source, sum(classic.counts)) == ("classic", 500)
    assert (dcgan.source, dcgan.counts) == ("dcgan", (500, 500, 500))


ALL = Addition(source="folder", everything=True)
SIZES = {"folder": (7, 3), "gan": (None, None), "half": (5, None)}


def with_sizes(real=(10, 5), **arms):
    """The recipe of the last of the arms, each at its fixed amount."""
    chosen = {name: fixed_amount(arm) for name, arm in arms.items()}
    return arm_recipe(arms, list(arms)[-1], 1.0, real, chosen, SIZES)


def test_everything_is_all_images_of_each_class():
    arm = Arm(add=(ALL,))
    assert with_sizes(a=arm) == Recipe((10, 5), (Ingredient("folder", (0, 0), (7, 3)),))
    assert with_sizes(a=Arm(real=0, add=(ALL,))).class_counts == (7, 3)
    assert fixed_amount(arm) == 1


def test_everything_is_what_is_left_of_a_source():
    even = Arm(balance="folder", add=(ALL, ALL))
    assert with_sizes((10, 8), a=even).ingredients == (
        Ingredient("folder", (0, 0), (0, 2)),
        Ingredient("folder", (0, 2), (7, 1)),
    )
    # Of the real images a half is used, so more of the folder's go into its balance.
    assert with_sizes((4, 0), a=Arm(real=0.5, balance="folder", add=(ALL,))).ingredients == (
        Ingredient("folder", (0, 0), (0, 2)),
        Ingredient("folder", (0, 2), (7, 1)),
    )
    first = Arm(add=(Addition(source="folder", per_class=3),))
    later = Arm(base="first", add=(ALL,))
    assert with_sizes(first=first, later=later).class_counts == (17, 8)


@pytest.mark.parametrize("source", ["gan", "half"])
def test_everything_of_a_source_without_an_end_is_refused(source):
    with pytest.raises(AugsearchError, match=f"has an end but '{source}' has none; give multiple"):
        with_sizes(a=Arm(add=(Addition(source=source, everything=True),)))


@pytest.mark.parametrize(("count", "multiple", "extra"), [(5, 1.5, 3), (10, 1.05, 1), (3, 1.1, 0)])
def test_fractions_round_half_up(count, multiple, extra):
    assert Recipe((count, count)).extra(multiple) == (extra, extra)


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (0, (3, 2), (0, 0)),
        (1, (1, 1), (1, 0)),
        (3, (50, 50), (2, 1)),
        (100, (53, 24, 23), (53, 24, 23)),
        # The largest remainder would give (4, 4, 2) and then (5, 5, 1): it takes an image back.
        (10, (6, 6, 2), (5, 4, 1)),
        (11, (6, 6, 2), (5, 5, 1)),
    ],
)
def test_shares(total, shares, counts):
    assert shared_out(total, shares) == counts


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        (Arm(), "real images"),
        (
            Arm(balance="gan", add=(Addition(source="classic", multiple=3),), search=search()),
            "real images, balanced by gan, plus 2 times as many from classic, "
            "plus (K - 1) times as many from gan",
        ),
        (
            Arm(real=0.5, balance="gan", add=(Addition(source="classic", multiple=1.5),)),
            "half of the real images, balanced by gan, plus 0.5 times the base size from classic",
        ),
        (
            Arm(real=0, search=search()),
            "no real images, plus (K - 1) times the base size from gan",
        ),
        (
            Arm(real=0.3, add=(Addition(source="classic", added=1_500_000),)),
            "30% of the real images, plus 1500000 images from classic",
        ),
        (
            Arm(base="x", add=(Addition(source="dcgan", per_class=100),), search=sweep(added=(1,))),
            "chosen set of arm x, plus 100 of each class from dcgan, plus N images from gan",
        ),
        (Arm(base="x", add=(ALL,)), "chosen set of arm x, plus all images from folder"),
        (
            Arm(search=sweep("dcgan", per_class=(0, 100))),
            "real images, plus N of each class from dcgan",
        ),
    ],
)
def test_describe_says_what_is_inside(arm, words):
    assert describe(arm) == words


def test_sources_of_an_arm_are_those_of_its_bases_too():
    arms = {
        "third": Arm(base="second", add=(Addition(source="classic", multiple=2),)),
        "second": Arm(base="first", search=search("gan")),
        "first": Arm(balance="even", add=(Addition(source="classic", multiple=2),)),
        "other": Arm(search=search("other")),
    }
    assert sources_of_arm(arms, "first") == ("even", "classic")
    assert sources_of_arm(arms, "second") == ("even", "classic", "gan")
    assert sources_of_arm(arms, "third") == ("even", "classic", "gan")
    assert sources_of_arm({"real": Arm()}, "real") == ()
