import numpy as np

from augsearch.classifiers.adam_heads import HeadCell
from augsearch.seeds import Seed


def test_every_epoch_holds_every_image_once_in_an_order_of_its_own() -> None:
    cell = HeadCell(np.arange(100, 121), np.arange(21) % 3, Seed.of(3))
    rows, labels = cell.laid_out(2, 6)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(100, 121), (4, 1)))
    np.testing.assert_array_equal(labels, (rows - 100) % 3)
    assert len({tuple(row) for row in rows.tolist()}) == 4


def test_an_epochs_order_does_not_depend_on_where_the_layout_begins() -> None:
    cell = HeadCell(np.arange(30), np.zeros(30, np.int64), Seed.of(3))
    np.testing.assert_array_equal(cell.laid_out(0, 5)[0][3:], cell.laid_out(3, 5)[0])


def test_a_short_batch_is_a_step() -> None:
    cells = [HeadCell(np.arange(n), np.zeros(n, np.int64), Seed.of(0)) for n in (7, 8, 9)]
    assert [cell.steps_per_epoch(8) for cell in cells] == [1, 1, 2]
