"""What holds for every training set: nested, as large as it says, and shared out fairly."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from augsearch.execution.recipes import Recipe, arm_recipe, shared_out
from augsearch.study.schema.arms import Addition, Arm, SweepSearch, WindowSearch

UNITS = ("multiple", "added", "per_class")

real_counts = st.lists(st.integers(1, 500), min_size=2, max_size=5).map(tuple)
shares = st.one_of(st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.7, 1.0]), st.floats(0, 1))
units = st.sampled_from(UNITS)


@st.composite
def amounts(draw, unit):
    return draw(st.floats(1, 40) if unit == "multiple" else st.integers(0, 3000).map(float))


@st.composite
def arms(draw):
    """Return an arm with a search, its unit, and two amounts of it, the smaller one first."""
    unit, fixed = draw(units), draw(units)
    add = [
        Addition(source=source, **{fixed: draw(amounts(fixed)) if fixed == "multiple" else 3})
        for source in draw(st.lists(st.sampled_from(["gan", "classic"]), max_size=2))
    ]
    listed = {"multiple": "multiples"}.get(unit, unit)
    arm = Arm(
        real=draw(shares),
        balance=draw(st.sampled_from([None, "gan", "classic"])),
        add=add,
        search=SweepSearch(source="gan", rule="sweep", **{listed: (1,)}),
    )
    return arm, *sorted((draw(amounts(unit)), draw(amounts(unit))))


def made(arm, real, amount):
    """Return the arm's recipe; sets that lack a class are none."""
    try:
        return arm_recipe({"a": arm}, "a", amount, real, {}, {})
    except Exception as error:
        assert "must train on images of every class" in str(error)
        assume(False)


def images(recipe):
    """Return every single image: real ones by number, others by source, class and number."""
    found = {("real", c, i) for c, count in enumerate(recipe.real) for i in range(count)}
    for one in recipe.ingredients:
        for c, (start, count) in enumerate(zip(one.starts, one.counts, strict=True)):
            new = {(one.source, c, i) for i in range(start, start + count)}
            assert not new & found  # none is used twice
            found |= new
    return found


@given(arms(), st.lists(st.integers(1, 40), min_size=2, max_size=4).map(tuple))
def test_a_larger_amount_contains_every_smaller_one(drawn, real):
    arm, less, more = drawn
    small, large = made(arm, real, less), made(arm, real, more)
    assert images(small) <= images(large)
    assert len(images(large)) == len(large)


@given(arms(), real_counts)
def test_counts_are_never_negative_and_real_images_are_those_there_are(drawn, real):
    recipe = made(drawn[0], real, drawn[1])
    assert all(0 <= used <= there for used, there in zip(recipe.real, real, strict=True))
    for one in recipe.ingredients:
        assert min(one.counts) >= 0
        assert min(one.starts) >= 0


@given(shares, shares, real_counts)
def test_a_larger_share_of_the_real_images_contains_every_smaller_one(one, other, real):
    add = (Addition(source="gan", per_class=1),)
    small = made(Arm(real=min(one, other), add=add), real, 1)
    large = made(Arm(real=max(one, other), add=add), real, 1)
    assert all(few <= many for few, many in zip(small.real, large.real, strict=True))
    for share, recipe in ((min(one, other), small), (max(one, other), large)):
        for used, there in zip(recipe.real, real, strict=True):
            assert abs(used - share * there) <= 0.5 + 1e-6


@given(shares, real_counts, st.sampled_from([None, "classic"]))
def test_real_synthetic_and_both_have_equal_sizes_at_equal_totals(share, real, balance):
    search = WindowSearch(source="gan")
    only_real = made(Arm(balance=balance), real, 1)
    synthetic = made(Arm(real=0, balance=balance, search=search), real, 2.0)
    both = made(Arm(real=share, balance=balance, search=search), real, 2 - share)
    fixed = made(
        Arm(real=share, balance=balance, add=(Addition(source="gan", multiple=2 - share),)), real, 1
    )
    expected = only_real.class_counts
    assert [r.class_counts for r in (synthetic, both, fixed)] == [expected] * 3


@given(real_counts, st.integers(1, 30))
def test_whole_multiples_have_exactly_k_times_the_base_size(real, multiple):
    search = WindowSearch(source="gan")
    assert len(made(Arm(search=search), real, multiple)) == multiple * sum(real)
    balanced = made(Arm(balance="gan", search=search), real, multiple)
    assert balanced.class_counts == (multiple * max(real),) * len(real)


@given(real_counts, st.integers(0, 20_000))
def test_counts_add_what_they_say(real, count):
    base = Recipe(real)
    assert sum(base.extra(count, "added")) == count
    assert base.extra(count, "per_class") == (count,) * len(real)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any), st.integers(0, 150))
def test_shares_equal_handing_images_out_one_by_one(shares, total):
    got = [0] * len(shares)
    for _ in range(total):
        # Webster's method as its definition has it, in exact arithmetic.
        merits = [Fraction(share, 2 * count + 1) for share, count in zip(shares, got, strict=True)]
        got[merits.index(max(merits))] += 1
    assert shared_out(total, shares) == tuple(got)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=8), st.integers(0, 10**7))
def test_shares_are_close_to_proportional_and_no_class_loses(shares, total):
    counts = shared_out(total, shares)
    assert sum(counts) == total
    more = shared_out(total + 1, shares)
    assert sorted(b - a for a, b in zip(counts, more, strict=True))[-1] == 1
    assert all(b >= a for a, b in zip(counts, more, strict=True))
    n, n_classes = sum(shares), len(shares)
    for share, count in zip(shares, counts, strict=True):
        assert abs(count - total * share / n) <= n_classes / 2 + 1
