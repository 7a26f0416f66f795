import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from augsearch.errors import AugsearchError
from augsearch.evaluation.inference.endpoints import UNDEFINED, endpoint_gain
from augsearch.evaluation.inference.verdict import DEGENERATE, ONE_IMAGE, ONE_RUN, verdict
from augsearch.evaluation.metrics import Metric, get_metric
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
SEED = Seed.of(0, "endpoint")
NAMES = ["auc", "accuracy", "kappa", "sensitivity@0.80", "brier"]


def _arms(
    n: int, replicates: int, gain: float = 0.0, luck: float = 0.1, number: int = 0
) -> tuple[NDArray[np.int64], Floats, Floats]:
    generator = Seed.of(n, replicates, number).generator()
    labels = np.arange(n) % 2
    hard = 0.8 * generator.normal(size=n)

    def arm(separation: float) -> Floats:
        apart = separation + luck * generator.normal(size=(replicates, 1))
        own = 0.6 * generator.normal(size=(replicates, n))
        positive = stats.norm.cdf(apart * (labels - 0.5) + hard + own)
        return np.stack([1 - positive, positive], axis=-1)

    return labels, arm(1.2), arm(1.2 + gain)


def _metric(name: str) -> Metric:
    return get_metric(name)


@pytest.mark.parametrize("name", NAMES)
def test_positive_is_better_whatever_the_direction(name: str) -> None:
    labels, base, chosen = _arms(300, 5, gain=1.5)
    metric = _metric(name)
    found = endpoint_gain(metric, labels, base, chosen, 0.95, SEED, draws=500)
    means = [np.mean([metric(labels, one) for one in arm]) for arm in (base, chosen)]
    sign = -1 if name == "brier" else 1
    assert found.gain == pytest.approx(sign * (means[1] - means[0]))
    assert 0 < found.low < found.gain < found.high
    assert (found.label, found.note) == ("helps", "")
    assert endpoint_gain(metric, labels, chosen, base, 0.95, SEED, draws=500).label == "harms"


def test_auc_agrees_with_the_verdict() -> None:
    labels, base, chosen = _arms(200, 6, gain=0.4)
    found = endpoint_gain(_metric("auc"), labels, base, chosen, 0.95, SEED)
    expected = verdict(labels, base, chosen)
    assert found.gain == pytest.approx(expected.gain, abs=1e-12)
    assert found.se == pytest.approx(expected.se, rel=0.05)
    assert found.low == pytest.approx(expected.low, abs=0.1 * expected.se)
    assert found.high == pytest.approx(expected.high, abs=0.1 * expected.se)


def test_accuracy_of_one_training_is_the_binomial_interval() -> None:
    labels, base, chosen = _arms(400, 1, gain=0.5)
    found = endpoint_gain(_metric("accuracy"), labels, base, chosen, 0.9, SEED)
    right = [(arm[0].argmax(axis=1) == labels).astype(float) for arm in (base, chosen)]
    ahead = right[1] - right[0]
    variance = sum(ahead[labels == c].var() * 200 for c in (0, 1)) / 400**2
    width = stats.t.ppf(0.95, 199) * math.sqrt(variance)
    assert found.note == ONE_RUN
    assert found.se == pytest.approx(math.sqrt(variance), rel=0.05)
    assert found.degrees_of_freedom == pytest.approx(199)
    assert found.low == pytest.approx(found.gain - width, abs=0.006)
    assert found.high == pytest.approx(found.gain + width, abs=0.006)


def test_images_are_paired_across_arms() -> None:
    """What both arms share must cancel: equal decisions but for one image in 200."""
    labels, base, _ = _arms(200, 1)
    chosen = base.copy()
    chosen[0, 0] = base[0, 0][::-1]
    found = endpoint_gain(_metric("accuracy"), labels, base, chosen, 0.95, SEED)
    assert abs(found.gain) == pytest.approx(1 / 200)
    assert found.se < 0.006
    alone = endpoint_gain(_metric("accuracy"), labels, base, base[:, ::-1], 0.95, SEED)
    assert alone.se > 0.03


def test_few_trainings_widen_the_interval_as_a_t_interval_would() -> None:
    generator = Seed.of(4).generator()
    labels = np.arange(600) % 2
    apart = 1.2 + 2 * np.array([0.3, -0.2, 0.1, -0.1, 0.4])
    positive = stats.norm.cdf(apart[:, None] * (labels - 0.5) + 0.5 * generator.normal(size=600))
    arm = np.stack([1 - positive, positive], axis=-1)
    base = arm.mean(axis=0)[None].repeat(5, axis=0)
    found = endpoint_gain(_metric("brier"), labels, base, arm, 0.95, SEED, draws=10_000)
    assert found.degrees_of_freedom < 8
    half = stats.t.ppf(0.975, found.degrees_of_freedom) * found.se
    assert found.high - found.low == pytest.approx(2 * half, rel=0.25)
    assert found.high - found.low > 1.1 * 2 * 1.96 * found.se


@pytest.mark.parametrize("name", ["accuracy", "brier"])
def test_flat_truth_is_seldom_called_a_gain(name: str) -> None:
    labels_of_verdicts = []
    for number in range(300):
        labels, base, chosen = _arms(60, 5, luck=0.3, number=number)
        found = endpoint_gain(_metric(name), labels, base, chosen, 0.95, SEED, draws=400)
        labels_of_verdicts.append(found.label)
    assert labels_of_verdicts.count("helps") / 300 < 0.05
    assert labels_of_verdicts.count("harms") / 300 < 0.05


def test_metrics_without_a_fast_form_give_the_same() -> None:
    labels, base, chosen = _arms(40, 2)
    fast = _metric("brier")
    slow = Metric("slow", False, fast.function)
    found = [endpoint_gain(one, labels, base, chosen, 0.95, SEED, draws=60) for one in (fast, slow)]
    for name in ("gain", "low", "high", "se"):
        assert getattr(found[0], name) == pytest.approx(getattr(found[1], name), abs=1e-12)


def test_more_classes() -> None:
    generator = Seed.of(5).generator()
    labels = np.arange(90) % 3
    votes = np.exp(generator.normal(size=(2, 4, 90, 3)) + np.eye(3)[labels])
    votes[1] *= np.exp(2.0 * np.eye(3)[labels])
    base, chosen = votes / votes.sum(axis=-1, keepdims=True)
    for name in ("auc", "kappa", "brier"):
        assert endpoint_gain(_metric(name), labels, base, chosen, 0.95, SEED, 300).label == "helps"
    with pytest.raises(AugsearchError, match="must be used with 2 classes but there are 3"):
        endpoint_gain(_metric("sensitivity@0.90"), labels, base, chosen, 0.95, SEED)


def test_equal_arms_and_degenerate_gains_are_no_evidence() -> None:
    labels, base, _ = _arms(20, 1)
    same = endpoint_gain(_metric("kappa"), labels, base, base, 0.95, SEED)
    assert (same.label, same.gain, same.low, same.high) == ("no evidence", 0, 0, 0)
    right = np.eye(2)[labels][None].repeat(3, axis=0)
    found = endpoint_gain(_metric("accuracy"), labels, 1 - right, right, 0.95, SEED)
    assert (found.label, found.gain, found.note) == ("no evidence", 1.0, DEGENERATE)
    assert math.isnan(found.low)


def test_an_undefined_endpoint_says_so() -> None:
    labels, base, chosen = _arms(20, 2)
    base[0] = [0.9, 0.1]  # no positive decision, so no ppv
    found = endpoint_gain(_metric("ppv"), labels, base, chosen, 0.95, SEED)
    assert (found.label, found.note) == ("no evidence", UNDEFINED)
    assert math.isnan(found.gain)


def test_one_image_of_a_class_gives_no_interval() -> None:
    labels, base, chosen = np.array([1, 0, 0]), np.full((1, 3, 2), 0.5), np.full((1, 3, 2), 0.5)
    assert endpoint_gain(_metric("brier"), labels, base, chosen, 0.95, SEED).note == ONE_IMAGE


def test_draws_in_which_the_metric_is_undefined_are_left_out() -> None:
    labels, base, chosen = _arms(40, 1)
    base[:], chosen[:] = [0.9, 0.1], [0.9, 0.1]
    base[0, :2], chosen[0, 1:4] = [0.1, 0.9], [0.1, 0.9]
    found = endpoint_gain(_metric("ppv"), labels, base, chosen, 0.95, SEED)
    assert found.gain == pytest.approx(2 / 3 - 1 / 2)
    assert found.low < found.gain < found.high


def test_depends_on_the_seed_alone() -> None:
    labels, base, chosen = _arms(40, 3)
    first = endpoint_gain(_metric("brier"), labels, base, chosen, 0.95, SEED, 300)
    assert endpoint_gain(_metric("brier"), labels, base, chosen, 0.95, SEED, 300) == first
    other = endpoint_gain(_metric("brier"), labels, base, chosen, 0.95, SEED.child(1), 300)
    assert other.low != first.low


def test_refuses_what_cannot_be_judged() -> None:
    labels, base, chosen = _arms(20, 2)
    spoiled = chosen.copy()
    spoiled[0, 0, 0] = np.nan
    three = np.full((2, 20, 3), 1 / 3)
    for given, message in (
        ((labels, base, spoiled), "chosen must hold numbers but some are NaN"),
        ((labels, base[0], chosen), r"base must be \(R, N, C\) .* has shape \(20, 2\)"),
        ((labels, base, chosen[:0]), "chosen must be .* at least one training"),
        ((labels, base, three), "same classes but have 2 and 3"),
        ((labels * 0, base, chosen), "class 1 has no image"),
        ((labels, base[:, :9], chosen), r"got \(20,\) and \(2, 9, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            endpoint_gain(_metric("accuracy"), *given, 0.95, SEED)
    with pytest.raises(ValueError, match="between 0 and 1 but got 95"):
        endpoint_gain(_metric("accuracy"), labels, base, chosen, 95, SEED)
