"""Patients with several images: an image that is there three times is no more than once."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from augsearch.evaluation.inference.auc_bootstrap import bootstrap_variance
from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import auc_covariance, auc_influence
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.evaluation.inference.max_t import max_t
from augsearch.evaluation.inference.verdict import FEW_IMAGES, ONE_IMAGE, verdict
from augsearch.evaluation.metrics import get_metric
from augsearch.evaluation.patients import fewest_of, numbered, sums_of
from augsearch.evaluation.resampling import bootstrap_scores, resampled_images
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SEED = Seed.of("patients")


def _arms(n: int, n_classes: int = 2, runs: int = 3) -> tuple[Ints, Floats, Floats]:
    generator = Seed.of(n, n_classes, runs).generator()
    labels = np.arange(n) % n_classes
    votes = generator.integers(1, 9, (2, runs, n, n_classes)) + 3.0 * np.eye(n_classes)[labels]
    given = votes / votes.sum(axis=-1, keepdims=True)
    return labels, given[0], given[1]


def _thrice(labels: Ints, *arms: Floats) -> tuple[Ints, list[Floats], Ints]:
    return (
        np.tile(labels, 3),
        [np.tile(one, (1, 3, 1)) for one in arms],
        np.tile(np.arange(len(labels)) * 7, 3),
    )


@pytest.mark.parametrize("patients", [[1, np.nan], [None, None], ["a", None], [pd.NA, 1]])
def test_patients_that_are_not_known_are_not_one_patient(patients: list[object]) -> None:
    with pytest.raises(ValueError, match="patients must be all numbers or all texts but some"):
        numbered(patients, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="patients must be all numbers or all texts but some"):
        numbered(np.array(patients, dtype=object), 2)


@pytest.mark.parametrize(("n", "n_classes"), [(60, 2), (60, 3), (16, 2), (20, 3)])
def test_verdict(n: int, n_classes: int) -> None:
    labels, base, chosen = _arms(n, n_classes)
    tripled, arms, patients = _thrice(labels, base, chosen)
    once, thrice = verdict(labels, base, chosen), verdict(tripled, *arms, patients=patients)
    assert (thrice.label, thrice.note) == (once.label, once.note)
    assert (FEW_IMAGES in once.note) == (n <= 20)
    for name in ("gain", "low", "high", "se", "degrees_of_freedom"):
        assert getattr(thrice, name) == pytest.approx(getattr(once, name), rel=1e-9), name
    assert verdict(tripled, *arms).se < 0.9 * once.se


@pytest.mark.parametrize("name", ["auc", "accuracy", "brier", "sensitivity@0.80"])
def test_intervals_and_endpoints(name: str) -> None:
    labels, base, chosen = _arms(60)
    tripled, arms, patients = _thrice(labels, base, chosen)
    once = metric_interval(name, labels, base, 0.95, SEED)
    assert metric_interval(name, tripled, arms[0], 0.95, SEED, patients=patients) == pytest.approx(
        once
    )
    metric = get_metric(name)
    gain = endpoint_gain(metric, labels, base, chosen, 0.95, SEED, 300)
    found = endpoint_gain(metric, tripled, *arms, 0.95, SEED, 300, patients=patients)
    for field in ("gain", "low", "high", "se", "degrees_of_freedom"):
        assert getattr(found, field) == pytest.approx(getattr(gain, field)), field


def test_search() -> None:
    labels, base, chosen = _arms(60)
    tripled, arms, patients = _thrice(labels, base, chosen)
    once, thrice = np.stack([base, chosen]), np.stack(arms)
    of_once = max_t(labels, once, 0, 0.95, SEED)
    of_thrice = max_t(tripled, thrice, 0, 0.95, SEED, patients=patients)
    np.testing.assert_allclose(of_thrice.low, of_once.low)
    of_once, of_thrice = (
        confidence_set(labels, once, 0.95, SEED),
        confidence_set(tripled, thrice, 0.95, SEED, patients=patients),
    )
    np.testing.assert_allclose(of_thrice.statistics, of_once.statistics)


def test_one_image_each_changes_nothing() -> None:
    labels, base, chosen = _arms(31)
    patients = Seed.of(0).generator().permutation(31) + 5
    assert verdict(labels, base, chosen, patients=patients) == verdict(labels, base, chosen)
    assert metric_interval("f1", labels, base, 0.95, SEED, patients=patients) == metric_interval(
        "f1", labels, base, 0.95, SEED
    )


def _obuchowski(labels: Ints, scores: Floats, patients: Ints) -> float:
    """Return the variance of an AUC straight from Obuchowski 1997, equations 3 to 7."""
    ill, well = labels == 1, labels == 0
    wins = (scores[ill, None] > scores[well]) + 0.5 * (scores[ill, None] == scores[well])
    auc, m, n = wins.mean(), ill.sum(), well.sum()
    of_ill = {p: (wins.mean(axis=1) - auc)[patients[ill] == p].sum() for p in set(patients[ill])}
    of_well = {p: (wins.mean(axis=0) - auc)[patients[well] == p].sum() for p in set(patients[well])}
    a, b, every = len(of_ill), len(of_well), len(set(patients))
    s10 = a / ((a - 1) * m) * sum(value**2 for value in of_ill.values())
    s01 = b / ((b - 1) * n) * sum(value**2 for value in of_well.values())
    both = sum(of_ill[p] * of_well[p] for p in of_ill.keys() & of_well.keys())
    s11 = every / (every - 1) * both
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@pytest.mark.parametrize("mixed", [False, True])
def test_variance_is_obuchowskis(mixed: bool) -> None:
    generator = Seed.of("obuchowski").generator()
    patients = np.sort(generator.integers(0, 90, 260))
    labels = generator.integers(0, 2, 260) if mixed else patients % 2
    scores = np.round(labels + generator.normal(size=90)[patients] + generator.normal(size=260), 1)
    found = auc_covariance_of(labels, scores, patients)
    # Of patients with images of both classes the factor differs: 1.011 there, 1.012 to 1.023 here.
    assert found == pytest.approx(
        _obuchowski(labels, scores, patients), rel=3e-3 if mixed else 1e-9
    )
    if not mixed:
        assert found > 1.3 * auc_covariance(labels, scores[None])[1][0, 0]


def auc_covariance_of(labels: Ints, scores: Floats, patients: Ints) -> float:
    influence = auc_influence(labels, scores[None], patients)[1]
    assert influence.shape == (1, len(np.unique(patients)))
    return float(influence[0] @ influence[0])


def test_small_classes_of_patients_with_images_of_both() -> None:
    """The closed form, against the variance over new patients (it is on the safe side)."""
    gains, variances = [], []
    for number in range(400):
        generator = Seed.of("mixed", number).generator()
        patients = np.repeat(np.arange(12), 4)
        labels = np.tile([0, 0, 1, 1], 12)
        common = generator.normal(size=(2, 12))[:, patients] * [[1], [1]]
        scores = labels * 1.2 + 0.8 * common * (2 * labels - 1) + generator.normal(size=(2, 48))
        both = np.stack([-scores, scores], axis=-1)
        gains.append(np.diff(auc_influence(labels, scores)[0])[0])
        variances.append(bootstrap_variance(labels, both[:1], both[1:], patients)[0])
    assert 0.95 < np.mean(variances) / np.var(gains) < 1.35


def test_a_class_of_one_patient_has_no_interval() -> None:
    labels, base, chosen = _arms(12)
    patients = np.where(labels == 1, 0, np.arange(12))
    found = verdict(labels, base, chosen, patients=patients)
    assert (found.label, found.note) == ("no evidence", ONE_IMAGE)
    assert np.isnan(metric_interval("auc", labels, base, 0.95, SEED, patients=patients)[1:]).all()
    brier = get_metric("brier")
    gain = endpoint_gain(brier, labels, base, chosen, 0.95, SEED, patients=patients)
    assert gain.note == ONE_IMAGE


def test_patients_are_drawn_whole_and_every_class_keeps_its_number_of_them() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1])
    patients = np.array([0, 0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6])  # 5 and 6 have both: of the rarer
    weights = resampled_images(Seed.of(0).generator(), labels, 200, patients)
    first = np.unique(patients, return_index=True)[1]
    np.testing.assert_array_equal(weights, weights[:, first][:, patients])
    counts = weights[:, first]
    assert (counts[:, :3].sum(axis=1) == 3).all()
    assert (counts[:, 3:].sum(axis=1) == 4).all()
    assert len(np.unique(counts, axis=0)) > 50


def test_a_draw_without_a_class_has_no_score() -> None:
    # Class 0 has more images than class 1, but all of them belong to one of its three patients.
    labels, patients = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 0, 1, 2])
    given = np.full((2, 7, 2), 0.5)
    for name in ("auc", "accuracy", "brier"):
        drawn = bootstrap_scores(get_metric(name), labels, given, 200, SEED.generator(), patients)
        missing = np.isnan(drawn).any(axis=1).mean()
        assert 0.15 < missing < 0.45, name  # (2/3)³ = 0.30


def test_counts_and_sums() -> None:
    assert numbered(None, 3) is None
    assert numbered([4, 9, 2], 3) is None
    own = numbered([4, 9, 4, 2], 4)
    assert own is not None
    assert own.tolist() == [1, 2, 1, 0]
    assert fewest_of(np.array([0, 1, 0, 1]), own, 2) == 1
    assert sums_of(np.array([[1.0, 2, 4, 8]]), own).tolist() == [[8.0, 5.0, 2.0]]
    with pytest.raises(ValueError, match="one number per image, 4, but have shape"):
        numbered([1, 2], 4)
