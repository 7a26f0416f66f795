import numpy as np
import pytest

from augsearch.classifiers.end_to_end.batches import batches_of
from augsearch.seeds import Seed


@pytest.mark.parametrize(
    ("n_images", "batch_size", "sizes"),
    [
        (6, 3, [3, 3]),
        (8, 3, [3, 3, 2]),
        (7, 3, [3, 4]),  # the image that would be alone joins the batch before
        (3, 2, [3]),
        (2, 64, [2]),
    ],
)
def test_sizes_of_the_batches(n_images: int, batch_size: int, sizes: list[int]) -> None:
    found = batches_of(n_images, batch_size, 0, Seed.of(1))
    assert [len(batch) for batch in found] == sizes


def test_every_epoch_has_its_own_order() -> None:
    orders = [np.concatenate(batches_of(50, 8, epoch, Seed.of(1))) for epoch in (0, 1, 0)]
    np.testing.assert_array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[1])
    assert sorted(orders[1]) == list(range(50))
