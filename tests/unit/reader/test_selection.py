import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augsearch.errors import DataError
from augsearch.reader.selection import (
    check_wanted,
    draw,
    equal_shares,
    most_equal,
    proportional_shares,
)
from augsearch.seeds import Seed

COUNTS = st.lists(st.integers(0, 40), min_size=2, max_size=6).filter(any)


@given(COUNTS, st.data())
def test_proportional_shares_are_within_one_of_the_exact_share(counts, data):
    wanted = data.draw(st.integers(1, sum(counts)))
    shares = proportional_shares(counts, wanted)
    assert sum(shares) == wanted
    for share, count in zip(shares, counts, strict=True):
        assert abs(share - wanted * count / sum(counts)) < 1
        assert share <= count
    assert proportional_shares(counts, sum(counts)) == tuple(counts)


@given(COUNTS, st.data())
def test_equal_shares_differ_by_one_at_most_and_are_there(counts, data):
    wanted = data.draw(st.integers(1, most_equal(counts)))
    shares = equal_shares(counts, wanted)
    given_ = [share for share, count in zip(shares, counts, strict=True) if count]
    assert sum(shares) == sum(given_) == wanted
    assert max(given_) - min(given_) <= 1
    assert all(share <= count for share, count in zip(shares, counts, strict=True))


def test_drawn_images_are_different_ones_of_their_class_and_more_contains_fewer():
    labels = np.random.default_rng(0).integers(0, 3, 90)
    few, many = (draw(labels, shares, Seed.of(1)) for shares in ((3, 0, 2), (9, 5, 4)))
    assert np.bincount(labels[many]).tolist() == [9, 5, 4]
    assert len(set(many.tolist())) == 18
    assert set(few.tolist()) < set(many.tolist())
    assert few.tolist() != sorted(few.tolist())
    assert not np.array_equal(many, draw(labels, (9, 5, 4), Seed.of(2)))


@pytest.mark.parametrize("wanted", [-1, 0, 5])
def test_more_than_there_are_or_none_is_refused_with_the_numbers(wanted):
    check_wanted("--real", 4, {"a": 3, "b": 1}, 4)
    with pytest.raises(DataError) as caught:
        check_wanted("--real", wanted, {"a": 3, "b": 1}, 4)
    rule, there = str(caught.value).split("; ")
    assert rule == f"--real must be between 1 and 4 but got {wanted}"
    assert there == "there are 3 of class 'a', 1 of class 'b'."


def test_a_pool_without_images_has_no_equal_number():
    assert most_equal((0, 0)) == 0
