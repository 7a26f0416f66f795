import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads import HeadCell
from augsearch.seeds import Seed


def cell_of(n_images: int, *seed: int) -> HeadCell:
    return HeadCell(np.arange(100, 100 + n_images), np.arange(n_images) % 3, Seed.of(*seed))


def rows_of(cell: HeadCell, epochs: int, at_a_time: int) -> NDArray[np.int32]:
    return np.concatenate([rows for rows, _ in cell.layouts(epochs, at_a_time)])


def test_every_epoch_holds_every_image_once_in_an_order_of_its_own() -> None:
    [(rows, labels)] = cell_of(21, 3).layouts(4, 4)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(100, 121), (4, 1)))
    np.testing.assert_array_equal(labels, (rows - 100) % 3)
    assert len({tuple(row) for row in rows.tolist()}) == 4


def test_the_orders_do_not_depend_on_how_many_come_at_a_time() -> None:
    whole = rows_of(cell_of(29, 3), 7, 7)
    for at_a_time in (1, 3, 100):
        np.testing.assert_array_equal(rows_of(cell_of(29, 3), 7, at_a_time), whole)
    assert not np.array_equal(rows_of(cell_of(29, 4), 7, 7), whole)


def test_every_order_is_as_likely_as_any_other() -> None:
    rows = rows_of(cell_of(4, 0), 24_000, 24_000)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(counts) == 24
    # Chi-square with 23 degrees of freedom: 49.7 is exceeded once in 1,000 seeds.
    assert ((counts - 1000) ** 2 / 1000).sum() < 49.7


def test_a_short_batch_is_a_step() -> None:
    assert [cell_of(n, 0).steps_per_epoch(8) for n in (7, 8, 9)] == [1, 1, 2]
