import numpy as np
import pytest
from sklearn.metrics import (
    cohen_kappa_score,
    confusion_matrix,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

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


OF_CLASSES = ("sensitivity", "specificity", "f1", "ppv", "npv", "kappa")


def per_class(counts):
    """Return each metric of every class against the rest."""
    own = confusion.one_against_the_rest(counts)
    return {name: getattr(confusion, name)(own) for name in OF_CLASSES}


METRICS = [
    "accuracy",
    "balanced_accuracy",
    "f1",
    "kappa",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", METRICS)
def test_many_matrices_at_once_equal_one_by_one(name: str, n_classes: int) -> None:
    function = getattr(confusion, name)
    shape = (4, 6, n_classes, n_classes)
    counts = Seed.of(5).generator().integers(0, 3, shape).astype(float)
    one_by_one = [[float(function(matrix)) for matrix in row] for row in counts]
    np.testing.assert_array_equal(function(counts), one_by_one)


def _decisions(n_classes: int) -> np.ndarray:
    """Return labels and decisions that agree more often than not, in two rows."""
    generator = Seed.of(n_classes, "decisions").generator()
    labels = generator.permutation(np.arange(60) % n_classes)
    guesses = generator.integers(0, n_classes, 60)
    return np.stack([labels, np.where(generator.random(60) < 0.6, labels, guesses)])


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_class_against_the_rest_equals_scikit_learn(n_classes: int) -> None:
    labels, decided = _decisions(n_classes)
    counts = confusion.count(labels, decided, n_classes)
    np.testing.assert_array_equal(
        confusion.one_against_the_rest(counts), multilabel_confusion_matrix(labels, decided)
    )


@pytest.mark.parametrize("n_classes", [2, 5])
def test_every_class_equals_scikit_learn(n_classes: int) -> None:
    labels, decided = _decisions(n_classes)
    found = per_class(confusion.count(labels, decided, n_classes))
    precision, recall, f1, _ = precision_recall_fscore_support(labels, decided)
    classes = range(n_classes)
    against = [precision_recall_fscore_support(labels != c, decided != c) for c in classes]
    expected = {
        "sensitivity": recall,
        "specificity": [rest[1][1] for rest in against],
        "f1": f1,
        "ppv": precision,
        "npv": [rest[0][1] for rest in against],
        "kappa": [cohen_kappa_score(labels == c, decided == c) for c in classes],
    }
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-12, err_msg=name)


def test_every_class_keeps_leading_axes() -> None:
    counts = Seed.of(6).generator().integers(0, 5, (2, 3, 4, 4)).astype(float)
    for name, values in per_class(counts).items():
        assert values.shape == (2, 3, 4)
        np.testing.assert_array_equal(values[1, 2], per_class(counts[1, 2])[name])


NEVER_DECIDED = np.array([[6.0, 2, 0], [1, 7, 0], [3, 1, 0]])
ABSENT = np.array([[6.0, 2, 0], [1, 7, 4], [0, 0, 0]])


def test_a_class_that_is_never_decided_has_no_ppv_and_counts_as_zero_in_the_mean() -> None:
    found = per_class(NEVER_DECIDED)
    np.testing.assert_allclose(found["ppv"], [0.6, 0.7, np.nan])
    assert found["f1"][2] == found["sensitivity"][2] == 0
    assert float(confusion.ppv(NEVER_DECIDED)) == pytest.approx(1.3 / 3)
    for name in ("f1", "sensitivity", "specificity", "npv"):
        mean = found[name].mean()
        assert float(getattr(confusion, name)(NEVER_DECIDED)) == pytest.approx(mean), name


def test_a_class_without_images_has_no_sensitivity_and_leaves_no_mean() -> None:
    found = per_class(ABSENT)
    assert np.isnan(found["sensitivity"]).tolist() == [False, False, True]
    assert found["ppv"][2] == 0
    assert found["specificity"][2] == 0.8
    for name in ("sensitivity", "specificity", "ppv", "npv", "f1"):
        assert np.isnan(getattr(confusion, name)(ABSENT)), name


def test_no_images_at_all_are_undefined_everywhere() -> None:
    for name, values in per_class(np.zeros((3, 3))).items():
        assert np.isnan(values).all(), name


def test_cohens_worked_example() -> None:
    assert float(confusion.kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))) == pytest.approx(0.4)
