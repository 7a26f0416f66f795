"""A head depends on its own training set alone, whatever is trained beside it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads import HeadCell, train_adam_heads
from augsearch.classifiers.linear_head import LinearHead
from augsearch.device import threads
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

N_FEATURES = 75
ROWS = 60


def _bank() -> NDArray[np.float32]:
    bank = np.zeros((ROWS, 80), dtype=np.float32)
    bank[:, :N_FEATURES] = np.random.default_rng(0).normal(size=(ROWS, N_FEATURES))
    bank[:, N_FEATURES] = 1
    return bank


BANK = _bank()


def _cell(size: int, number: int, n_classes: int) -> HeadCell:
    rng = np.random.default_rng(number)
    rows = rng.integers(0, ROWS, size)
    return HeadCell(rows, rng.integers(0, n_classes, size), Seed.of(7, size, number))


def _train(cells: list[HeadCell], options: AdamHead, n_classes: int) -> list[LinearHead]:
    return train_adam_heads(
        BANK,
        cells,
        options,
        n_features=N_FEATURES,
        n_classes=n_classes,
        device="cpu",
        advance=lambda steps: None,
    )


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=9),
    chosen=st.data(),
    n_classes=st.integers(2, 11),
    batch_size=st.sampled_from([1, 3, 8, 13]),
    outputs=st.sampled_from(["softmax", "sigmoid"]),
)
def test_company_and_place_leave_a_head_as_it_is(
    sizes: list[int], chosen: st.DataObject, n_classes: int, batch_size: int, outputs: str
) -> None:
    options = AdamHead(epochs=3, batch_size=batch_size, learning_rate=1e-2, outputs=outputs)
    cells = [_cell(size, number, n_classes) for number, size in enumerate(sizes)]
    together = _train(cells, options, n_classes)
    order = chosen.draw(st.permutations(range(len(cells))))
    part = order[: chosen.draw(st.integers(1, len(cells)))]
    for index, head in zip(part, _train([cells[i] for i in part], options, n_classes), strict=True):
        np.testing.assert_array_equal(head.weight, together[index].weight)
        np.testing.assert_array_equal(head.bias, together[index].bias)


@settings(max_examples=10)
@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    count=st.integers(1, 3),
    n_classes=st.integers(2, 4),
)
def test_the_number_of_threads_leaves_a_head_as_it_is(
    sizes: list[int], count: int, n_classes: int
) -> None:
    cells = [_cell(size, number, n_classes) for number, size in enumerate(sizes)]
    options = AdamHead(epochs=4, learning_rate=1e-2)
    with threads(1):
        one_by_one = _train(cells, options, n_classes)
    with threads(count):
        side_by_side = _train(cells, options, n_classes)
    for head, other in zip(one_by_one, side_by_side, strict=True):
        np.testing.assert_array_equal(head.weight, other.weight)
        np.testing.assert_array_equal(head.bias, other.bias)
