from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, cohen_kappa_score

from augsearch.controller.outcome.endpoints import endpoint_gains
from augsearch.controller.stages.answer import Outcome
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.metrics import get_metric
from augsearch.seeds import Seed
from augsearch.study.schema.study import EvaluationOptions

LABELS = np.arange(60) % 2


def outputs(skill, seed):
    votes = np.random.default_rng(seed).normal(size=(4, 60)) + skill * (2 * LABELS - 1)
    positive = 1 / (1 + np.exp(-votes))
    return np.stack([1 - positive, positive], axis=2)


@pytest.fixture
def gains():
    """Give outputs by arm -> gains of arm "more" over arm "real"."""

    def run(name="more", groups=None, patients=None, **test):
        options = EvaluationOptions(endpoints=("kappa", "brier"))
        prepared = SimpleNamespace(
            study=SimpleNamespace(evaluation=options, baseline_arm="real"),
            test=SimpleNamespace(labels=LABELS, patients=patients),
            seed=Seed.of(5),
        )
        files = {arm: SimpleNamespace(outputs={"test": said}) for arm, said in test.items()}
        return endpoint_gains(prepared, name, Outcome(files, {}, None, (), groups or {}))

    return run


def test_a_gain_is_of_mean_scores_and_above_0_where_the_arm_is_better(gains):
    real, more = outputs(0.1, 1), outputs(1.5, 2)
    found = gains(real=real, more=more)
    assert list(found) == ["kappa", "brier"]
    kappas = [
        np.mean([cohen_kappa_score(LABELS, one[:, 1] >= 0.5) for one in arm])
        for arm in (real, more)
    ]
    losses = [np.mean([brier_score_loss(LABELS, one[:, 1]) for one in arm]) for arm in (real, more)]
    assert found["kappa"].value == pytest.approx(kappas[1] - kappas[0])
    assert found["brier"].value == pytest.approx(losses[0] - losses[1])
    for gain in found.values():
        assert gain.label == "helps"
        assert 0 < gain.low < gain.value < gain.high
    back = gains(real=more, more=real)
    assert {gain.label for gain in back.values()} == {"harms"}


def test_every_arm_has_the_same_draws(gains):
    real, more = outputs(0.5, 1), outputs(0.8, 2)
    both = {"real": real, "other": outputs(0.2, 3), "more": more}
    assert gains(real=real, more=more) == gains(**both)
    assert gains(**both)["kappa"] == gains("again", **(both | {"again": more.copy()}))["kappa"]


def test_the_baselines_own_trainings_are_no_evidence(gains):
    real = outputs(0.5, 1)
    for gain in gains(real=real, more=real).values():
        assert (gain.label, gain.value, gain.low, gain.high) == ("no evidence", 0, 0, 0)
        assert "baseline's own training set" in gain.note


def test_the_generators_behind_the_trainings_count(gains):
    real, more = outputs(0.5, 1), outputs(0.8, 2)
    groups = {"real": None, "more": np.array([0, 0, 1, 1])}
    found = gains(real=real, more=more, groups=groups)["brier"]
    seed = Seed.of(5).child("endpoint", "brier")
    brier = get_metric("brier")
    expected = endpoint_gain(brier, LABELS, real, more, 0.95, seed, chosen_groups=groups["more"])
    assert (found.low, found.high, found.note) == (expected.low, expected.high, expected.note)


def test_patients_are_drawn_whole(gains):
    real, more, patients = outputs(0.5, 1), outputs(0.8, 2), np.arange(60) // 6 * 2 + LABELS
    found = gains(real=real, more=more, patients=patients)["brier"]
    seed = Seed.of(5).child("endpoint", "brier")
    brier = get_metric("brier")
    expected = endpoint_gain(brier, LABELS, real, more, 0.95, seed, patients=patients)
    assert (found.low, found.high, found.note) == (expected.low, expected.high, expected.note)


def test_without_the_baseline_or_the_arm_there_is_no_gain(gains):
    assert gains(more=outputs(0.5, 1)) == {}
    assert gains(real=outputs(0.5, 1)) == {}
    assert gains("real", real=outputs(0.5, 1)) == {}
