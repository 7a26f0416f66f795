import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.data.demo import draw_demo
from augsearch.data.leaks.near_duplicates import Signatures, near_duplicates
from augsearch.seeds import Seed

DRAWN = draw_demo(24, size=32, channels=1, seed=Seed.of(5)).pixels
SHIFTED = np.roll(DRAWN, 1, axis=2)
MIRRORED = DRAWN[:, :, ::-1]
DARKER = (DRAWN * 0.9).astype(np.uint8)
ALL = np.concatenate([DRAWN, SHIFTED, MIRRORED, DARKER])


def found(rows: np.ndarray, groups: np.ndarray) -> dict[frozenset[int], tuple[float, bool]]:
    """Return similarity and side for the pairs of rows of ALL."""
    pairs = near_duplicates(Signatures.of(ALL[rows]), groups[rows])
    assert all(pair.first < pair.second for pair in pairs)
    assert len({pair[:2] for pair in pairs}) == len(pairs)
    return {
        frozenset((int(rows[pair.first]), int(rows[pair.second]))): (
            round(pair.similarity, 4),
            pair.is_mirrored,
        )
        for pair in pairs
    }


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_order_does_not_matter(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(ALL) - 1), unique=True, min_size=1))
    groups = np.array(data.draw(st.lists(st.integers(0, 40), min_size=len(ALL), max_size=len(ALL))))
    rows = np.array(chosen)
    shuffled = rows[data.draw(st.permutations(range(len(rows))))]
    pairs = found(rows, groups)
    assert found(shuffled, groups) == pairs
    assert all(len({groups[row] for row in pair}) == 2 for pair in pairs)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 23), unique=True, min_size=2), st.sampled_from([2, 3]))
def test_mirrored_and_darker_copies_are_found_from_both_sides(
    originals: list[int], version: int
) -> None:
    rows = np.array([*originals, *(24 * version + row for row in originals)])
    groups = np.arange(len(ALL))
    expected = {frozenset((row, 24 * version + row)) for row in originals}
    assert expected <= set(found(rows, groups))
    assert expected <= set(found(rows[::-1].copy(), groups))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 1.0), st.integers(0, 60), st.integers(0, 23))
def test_contrast_and_brightness_do_not_matter(gain: float, offset: int, row: int) -> None:
    changed = np.clip(DRAWN[row : row + 1] * gain + offset, 0, 255).astype(np.uint8)
    pixels = np.concatenate([DRAWN, changed])
    rows = [pair[:2] for pair in near_duplicates(Signatures.of(pixels), np.arange(25))]
    assert (row, 24) in rows
