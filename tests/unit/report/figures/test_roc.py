import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from augsearch.report.contents import Outputs
from augsearch.report.figures.roc import roc_curves, roc_of_classes, roc_of_runs


def outputs(seed, n_classes=2, runs=3, n=40, grid=8):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    logits = random.integers(0, grid, (runs, n, n_classes)).astype(float)
    logits[:, np.arange(n), labels] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return labels, probabilities


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_the_area_under_the_mean_curve_is_the_mean_auc(seed, n_classes):
    labels, probabilities = outputs(seed, n_classes)
    positives = [1] if n_classes == 2 else range(n_classes)
    expected = np.mean(
        [roc_auc_score(labels == one, run[:, one]) for run in probabilities for one in positives]
    )
    rates, curves = roc_of_runs(labels, probabilities)
    assert curves.shape == (3, len(rates))
    assert np.trapezoid(curves.mean(axis=0), rates) == pytest.approx(expected, abs=1e-12)
    assert np.all(np.diff(rates) >= 0)
    assert np.all(np.diff(curves, axis=1) >= -1e-12)


@pytest.mark.parametrize("one", [0, 2])
def test_the_curve_of_one_class_is_that_class_against_the_rest(one):
    labels, probabilities = outputs(1, 3)
    expected = np.mean([roc_auc_score(labels == one, run[:, one]) for run in probabilities])
    rates, curves = roc_of_runs(labels, probabilities, [one])
    assert np.trapezoid(curves.mean(axis=0), rates) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_arms", [2, 12])
def test_every_arm_is_in_the_legend_with_its_auc(n_arms, labels_of):
    labels, probabilities = outputs(0)
    arms = {f"arm-{place}": probabilities for place in range(n_arms)}
    every = [roc_auc_score(labels, run[:, 1]) for run in probabilities]
    svg = roc_curves(Outputs(labels, arms), "test set")
    shown = labels_of(svg)
    assert {f"{arm}, AUC {np.mean(every):.3f}" for arm in arms} | {"test set"} <= shown
    assert f"arm-0 AUC {np.mean(every):.3f} ({min(every):.3f} to {max(every):.3f})" in svg


def test_a_band_holds_all_trainings_and_a_single_one_has_none():
    labels, probabilities = outputs(0)
    several, single = (
        roc_curves(Outputs(labels, {"real": values}), "test set").count("fill-opacity: 0.12")
        for values in (probabilities, probabilities[:1])
    )
    assert (several, single) == (1, 0)


def test_every_class_has_a_panel(labels_of):
    labels, probabilities = outputs(0, 5)
    names = ("a", "b", "c", "d", "costs $5 or $6")
    shown = labels_of(
        roc_of_classes(Outputs(labels, {"real": probabilities}), dict(enumerate(names)))
    )
    assert {*names, "real"} <= shown
