import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from augsearch.errors import AugsearchError
from augsearch.evaluation.metrics import Metric, auc, auc_per_class, get_metric, macro_auc
from augsearch.seeds import Seed
from augsearch.study import metric_names
from augsearch.study.metric_names import KNOWN_METRICS

TWO_CLASS_REFERENCES = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "f1": reference.f1_score,
    "kappa": reference.cohen_kappa_score,
    "sensitivity": reference.recall_score,
    "specificity": lambda y, d: reference.recall_score(y, d, pos_label=0),
    "ppv": reference.precision_score,
    "npv": lambda y, d: reference.precision_score(y, d, pos_label=0),
}


def _task(n_classes: int, levels: int = 20) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels and class probabilities that know something of them, with ties."""
    generator = Seed.of(n_classes, levels).generator()
    labels = generator.permutation(np.arange(61) % n_classes)
    votes = generator.integers(1, levels, (61, n_classes)) + 6 * np.eye(n_classes)[labels]
    return labels, votes / votes.sum(axis=1, keepdims=True)


def _rounded(n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a task whose probabilities, in tenths, have ties and values of exactly 0.5."""
    labels, given = _task(n_classes)
    positive = given[:, 1].round(1)
    return labels, np.stack([1 - positive, positive], axis=1)


def test_every_metric_of_a_study_is_known_by_its_name() -> None:
    for name in (*KNOWN_METRICS, "ppv", "npv"):
        assert get_metric(name).name == name
        assert get_metric(name).greater_is_better == (name != "brier")


@pytest.mark.parametrize("name", TWO_CLASS_REFERENCES)
def test_two_classes_equal_scikit_learn(name: str) -> None:
    labels, given = _rounded(2)
    assert (given[:, 1] == 0.5).any()
    expected = TWO_CLASS_REFERENCES[name](labels, given[:, 1] >= 0.5)
    assert get_metric(name)(labels, given) == pytest.approx(expected, abs=1e-12)


def test_auc_of_two_classes_equals_scikit_learn() -> None:
    labels, given = _rounded(2)
    expected = reference.roc_auc_score(labels, given[:, 1])
    assert get_metric("auc")(labels, given) == pytest.approx(expected, abs=1e-12)


def test_auc_of_two_classes_reads_the_positive_column_alone() -> None:
    labels, given = _rounded(2)
    given[:, 0] = 0.3
    expected = reference.roc_auc_score(labels, given[:, 1])
    assert get_metric("auc")(labels, given) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_classes", [3, 7])
def test_more_classes_equal_scikit_learn(n_classes: int) -> None:
    labels, given = _task(n_classes)
    decided = given.argmax(axis=1)
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        labels, decided, average="macro"
    )
    rest = [reference.confusion_matrix(labels == c, decided == c) for c in range(n_classes)]
    expected = {
        "auc": reference.roc_auc_score(labels, given, multi_class="ovr", average="macro"),
        "accuracy": reference.accuracy_score(labels, decided),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, decided),
        "f1": f1,
        "kappa": reference.cohen_kappa_score(labels, decided),
        "sensitivity": recall,
        "specificity": np.mean([tn / (tn + fp) for (tn, fp), _ in rest]),
        "ppv": precision,
        "npv": np.mean([tn / (tn + fn) for (tn, _), (fn, _) in rest]),
    }
    for name, value in expected.items():
        assert get_metric(name)(labels, given) == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_auc_per_class_equals_scikit_learn(n_classes: int) -> None:
    labels, given = _task(n_classes)
    expected = reference.roc_auc_score(np.eye(n_classes)[labels], given, average=None)
    found = auc_per_class(labels, np.stack([given, 1 - given]))
    np.testing.assert_allclose(found, [expected, 1 - expected], atol=1e-12)


def test_auc_per_class_is_nan_for_the_classes_that_cannot_be_ordered() -> None:
    labels, given = _task(3)
    kept = labels < 2
    found = auc_per_class(labels[kept], given[kept])
    assert np.isnan(found).tolist() == [False, False, True]
    assert np.isnan(macro_auc(labels[kept], given[kept]))
    spoiled = given.copy()
    spoiled[5, 0] = np.nan
    assert np.isnan(auc_per_class(labels, spoiled)).tolist() == [True, False, False]


@pytest.mark.parametrize("name", [*KNOWN_METRICS, "ppv", "npv"])
def test_undefined_scores_are_nan(name: str) -> None:
    labels, given = _task(2)
    spoiled = given.copy()
    spoiled[3, 0] = np.nan
    metric = get_metric(name)
    assert np.isnan(metric(labels, spoiled))
    assert np.isnan(metric(labels[labels == 1], given[labels == 1]))
    assert np.isnan(metric(labels[labels == 0], given[labels == 0]))
    assert np.isnan(metric(labels[:0], given[:0]))


def test_a_class_that_does_not_occur_is_nan() -> None:
    labels, given = _task(3)
    for name in (*KNOWN_METRICS, "ppv", "npv"):
        assert np.isnan(get_metric(name)(labels[labels < 2], given[labels < 2])), name


def test_predictive_values_are_nan_without_such_decisions() -> None:
    all_negative = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert np.isnan(get_metric("ppv")([0, 1], all_negative))
    assert get_metric("npv")([0, 1], all_negative) == 0.5


@pytest.mark.parametrize(
    ("labels", "shape", "message"),
    [
        ([0, 1], (3, 2), r"got \(2,\) and \(3, 2\)"),
        ([0, 1], (2, 1), r"C at least 2, but got \(2,\) and \(2, 1\)"),
        ([0, 2], (2, 2), "between 0 and 1 but go from 0 to 2"),
        ([-1, 1], (2, 2), "between 0 and 1 but go from -1 to 1"),
        ([0.2, 1.2], (2, 2), "whole numbers but are other float64 values"),
        ([0, np.nan], (2, 2), "whole numbers but"),
        (["ill", "well"], (2, 2), "whole numbers but are other <U4 values; number the classes"),
    ],
)
def test_refuses_what_does_not_fit(labels: list[Any], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_metric("auc")(labels, np.full(shape, 0.5))


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_brier_equals_scikit_learn(n_classes: int) -> None:
    labels, given = _task(n_classes)
    truth = given[:, 1] if n_classes == 2 else given
    metric = get_metric("brier")
    assert not metric.greater_is_better
    expected = reference.brier_score_loss(labels, truth)
    assert metric(labels, given) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [4, 20, 10_000])
@pytest.mark.parametrize("specificity", ["0.5", "0.90", "0.99"])
def test_sensitivity_at_a_specificity_is_read_from_the_roc_curve(
    specificity: str, levels: int
) -> None:
    labels, given = _task(2, levels)
    false, true, _ = reference.roc_curve(labels, given[:, 1], drop_intermediate=False)
    expected = true[false <= 1 - float(specificity) + 1e-12].max()
    metric = get_metric(f"sensitivity@{specificity}")
    assert (metric.name, metric.greater_is_better) == (f"sensitivity@{specificity}", True)
    assert metric(labels, given) == pytest.approx(expected, abs=1e-12)


def test_exactly_the_share_of_false_positives_is_allowed() -> None:
    # One of ten negatives is above: 1 - 0.9 in floating point is less than 0.1.
    labels = np.array([0] * 10 + [1, 1])
    positive = np.array([0.1] * 9 + [0.8, 0.7, 0.9])
    given = np.stack([1 - positive, positive], axis=1)
    assert get_metric("sensitivity@0.9")(labels, given) == 1.0
    assert get_metric("sensitivity@0.91")(labels, given) == 0.5


def test_scores_that_are_all_alike_have_no_cut_off() -> None:
    assert get_metric("sensitivity@0.90")([0, 1, 1], np.full((3, 2), 0.5)) == 0.0


@pytest.mark.parametrize(
    "name", ["sensitivity@", "sensitivity@1", "sensitivity@90", "sensitivity@x"]
)
def test_a_specificity_lies_between_0_and_1(name: str) -> None:
    with pytest.raises(AugsearchError, match=rf"between 0 and 1 but got '{name}'; write"):
        get_metric(name)


def test_sensitivity_at_a_specificity_is_for_two_classes() -> None:
    labels, given = _task(3)
    with pytest.raises(AugsearchError, match="must be used with 2 classes but there are 3"):
        get_metric("sensitivity@0.90")(labels, given)


@pytest.mark.parametrize("name", ["brier", "sensitivity@0.90"])
def test_scores_of_probabilities_are_nan_where_undefined(name: str) -> None:
    labels, given = _task(2)
    spoiled = given.copy()
    spoiled[3, 0] = np.nan
    assert np.isnan(get_metric(name)(labels, spoiled))
    assert np.isnan(get_metric(name)(labels[labels == 1], given[labels == 1]))


def test_auc_is_vectorised_over_models() -> None:
    labels, given = _rounded(2)
    scores = np.stack([given[:, 1], -given[:, 1], given[:, 1] ** 2, 0 * given[:, 1]]).reshape(
        2, 2, -1
    )
    expected = [[reference.roc_auc_score(labels, s) for s in pair] for pair in scores]
    np.testing.assert_allclose(auc(labels, scores), expected, atol=1e-12)


def test_auc_is_nan_where_it_is_undefined() -> None:
    found = auc([0, 1], [[np.nan, 1.0], [0.0, 1.0]])
    assert np.isnan(found[0])
    assert found[1] == 1.0
    assert np.isnan(auc([0, 0], [[0.1, 0.2]])).all()
    assert np.isnan(auc([1, 1], [[0.1, 0.2]])).all()


def test_unknown_metric_names_the_known_ones() -> None:
    with pytest.raises(AugsearchError, match=r"one of auc, accuracy.* but got 'roc'"):
        get_metric("roc")


FOREIGN = Metric(
    "foreign", False, lambda labels, given: float(np.mean((given[:, 1] - labels) ** 2))
)


def test_a_metric_of_two_classes_refuses_three() -> None:
    labels, given = _task(3)
    binary = replace(FOREIGN, two_classes_only=True)
    with pytest.raises(AugsearchError, match="foreign must be used with 2 classes but there are 3"):
        binary(labels, given)


def test_other_packages_add_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    group = "augsearch.metrics"
    points = EntryPoints(
        [
            EntryPoint("foreign", "foreign_metrics:foreign", group),
            EntryPoint("wrong", "json:dumps", group),
            EntryPoint("misnamed", "foreign_metrics:foreign", group),
            EntryPoint("gone", "no_such_module:metric", group),
        ]
    )
    monkeypatch.setattr(metric_names, "entry_points", lambda group: points.select(group=group))
    monkeypatch.setitem(sys.modules, "foreign_metrics", SimpleNamespace(foreign=FOREIGN))
    assert get_metric("foreign")([0, 1], [[1, 0], [0.5, 0.5]]) == 0.125
    with pytest.raises(AugsearchError, match=r"'wrong' of .* must be a Metric"):
        get_metric("wrong")
    with pytest.raises(AugsearchError, match=r"'misnamed' of .* of that name but is .*'foreign'"):
        get_metric("misnamed")
    with pytest.raises(AugsearchError, match=r"'gone' of .* must be importable but raised ModuleN"):
        get_metric("gone")
    with pytest.raises(AugsearchError, match="foreign, gone, misnamed, wrong but got 'roc'"):
        get_metric("roc")
