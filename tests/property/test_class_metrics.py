import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from augsearch.evaluation import confusion
from augsearch.evaluation.images import ms_ssim as module
from augsearch.evaluation.images.ms_ssim import ms_ssim, within_class_ms_ssim
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
METRICS = ("sensitivity", "specificity", "f1", "ppv", "npv", "kappa")


def per_class(counts: Floats) -> dict[str, Floats]:
    """Return each metric of every class against the rest."""
    own = confusion.one_against_the_rest(counts)
    return {name: getattr(confusion, name)(own) for name in METRICS}


@st.composite
def counts(draw: st.DrawFn) -> Floats:
    """Return a confusion matrix of 2 to 5 classes; zeros are common."""
    n_classes = draw(st.integers(2, 5))
    elements = st.one_of(st.just(0), st.integers(0, 30))
    return draw(arrays(np.int64, (n_classes, n_classes), elements=elements)).astype(np.float64)


@given(counts())
def test_every_value_lies_in_its_range_or_is_undefined(matrix: Floats) -> None:
    for name, values in per_class(matrix).items():
        low = -1 if name == "kappa" else 0
        assert (np.isnan(values) | ((values >= low - 1e-12) & (values <= 1 + 1e-12))).all(), name


@given(counts())
def test_undefined_exactly_where_there_is_nothing_to_count(matrix: Floats) -> None:
    found = per_class(matrix)
    truly, decided = matrix.sum(axis=1), matrix.sum(axis=0)
    total = matrix.sum()
    nothing = {
        "sensitivity": truly == 0,
        "specificity": truly == total,
        "ppv": decided == 0,
        "npv": decided == total,
        "f1": truly + decided == 0,
    }
    for name, expected in nothing.items():
        np.testing.assert_array_equal(np.isnan(found[name]), expected, err_msg=name)


@given(counts(), st.randoms(use_true_random=False))
def test_order_of_classes_moves_the_values_and_keeps_the_means(matrix: Floats, random) -> None:
    order = list(range(len(matrix)))
    random.shuffle(order)
    moved = matrix[np.ix_(order, order)]
    for name, values in per_class(matrix).items():
        np.testing.assert_array_equal(per_class(moved)[name], values[order])
        if len(matrix) > 2:
            metric = getattr(confusion, name)
            np.testing.assert_allclose(metric(moved), metric(matrix), atol=1e-12)


@given(counts())
def test_two_classes_are_the_positive_class_of_the_table(matrix: Floats) -> None:
    own = confusion.one_against_the_rest(matrix)
    assert (own.sum(axis=(-2, -1)) == matrix.sum()).all()
    if len(matrix) == 2:
        np.testing.assert_array_equal(own[1], matrix)
        for name, values in per_class(matrix).items():
            np.testing.assert_array_equal(values[1], getattr(confusion, name)(matrix))


@given(counts())
def test_macro_sensitivity_is_the_balanced_accuracy(matrix: Floats) -> None:
    if len(matrix) > 2:
        np.testing.assert_allclose(
            confusion.sensitivity(matrix), confusion.balanced_accuracy(matrix), atol=1e-12
        )


@given(arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 24), st.integers(1, 24), st.just(1))))
def test_similarity_is_symmetric_and_perfect_for_equals(pixels: NDArray[np.uint8]) -> None:
    first, second = pixels[:1], pixels[1:]
    forth, back = ms_ssim(first, second)[0], ms_ssim(second, first)[0]
    assert 0 <= forth <= 1 + 1e-12
    assert forth == back
    assert abs(ms_ssim(first, first)[0] - 1) < 1e-9


@given(st.integers(2, 40), st.integers(1, 120), st.integers(0, 99))
def test_pairs_are_distinct_and_of_different_images(n: int, n_pairs: int, number: int) -> None:
    pixels = np.zeros((n, 1, 1, 1), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(n)
    drawn = []

    def similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
        drawn.extend(zip(first.ravel().tolist(), second.ravel().tolist(), strict=True))
        return np.zeros(len(first))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ms_ssim", similarity)
        within_class_ms_ssim(pixels, Seed.of(number), n_pairs)
    assert len(set(drawn)) == len(drawn) == min(n_pairs, n * (n - 1) // 2)
    assert all(0 <= first < second < n for first, second in drawn)
