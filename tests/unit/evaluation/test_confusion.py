import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from augsearch.evaluation import confusion
from augsearch.seeds import Seed


@pytest.mark.parametrize("n_classes", [2, 4])
def test_counts_equal_scikit_learn(n_classes: int) -> None:
    labels, decided = Seed.of(n_classes).generator().integers(0, n_classes, (2, 30))
    expected = confusion_matrix(labels, decided, labels=range(n_classes))
    np.testing.assert_array_equal(confusion.count(labels, decided, n_classes), expected)


def test_one_half_is_a_positive_decision() -> None:
    assert confusion.decide(np.array([[0.5, 0.5], [0.51, 0.49]])).tolist() == [1, 0]


def test_three_classes_decide_for_the_likeliest() -> None:
    assert confusion.decide(np.array([[[0.3, 0.3, 0.4], [0.6, 0.3, 0.1]]])).tolist() == [[2, 0]]


@pytest.mark.parametrize(
    "name",
    ["accuracy", "balanced_accuracy", "f1", "kappa", "sensitivity", "specificity", "ppv", "npv"],
)
def test_many_matrices_at_once_equal_one_by_one(name: str) -> None:
    function = getattr(confusion, name)
    counts = Seed.of(5).generator().integers(0, 3, (4, 6, 2, 2)).astype(float)
    one_by_one = [[float(function(matrix)) for matrix in row] for row in counts]
    np.testing.assert_array_equal(function(counts), one_by_one)


def test_cohens_worked_example() -> None:
    assert float(confusion.kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))) == pytest.approx(0.4)
