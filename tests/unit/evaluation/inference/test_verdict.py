import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from augsearch.evaluation.inference.auc_bootstrap import bootstrap_variance
from augsearch.evaluation.inference.delong import delong_test
from augsearch.evaluation.inference.verdict import (
    DEGENERATE,
    FEW_IMAGES,
    ONE_IMAGE,
    ONE_RUN,
    verdict,
)
from augsearch.evaluation.ranking import placements
from augsearch.seeds import Seed

Floats = NDArray[np.float64]


def _arms(
    generator: np.random.Generator, n: int, replicates: int, gain: float = 0.0, luck: float = 0.15
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return labels and scores of two recipes: images differ in difficulty, trainings in luck."""
    labels = np.arange(n) % 2
    difficulty = 0.8 * generator.normal(size=n)

    def scores(separation: float) -> Floats:
        separations = separation + luck * generator.normal(size=(replicates, 1))
        own = 0.6 * generator.normal(size=(replicates, n))
        return np.asarray(separations * labels + difficulty + own)

    return labels, scores(1.2), scores(1.2 + gain)


def test_equals_the_formulas_in_plain_numbers() -> None:
    labels, base, chosen = _arms(Seed.of(0).generator(), 40, 3, gain=0.5)
    chosen = np.concatenate([chosen, chosen[:1] + 0.1 * np.arange(40)])
    found = verdict(labels, base, chosen, confidence=0.9)

    aucs = [[roc_auc_score(labels, s) for s in arm] for arm in (base, chosen)]
    gain = np.mean(aucs[1]) - np.mean(aucs[0])
    wins = [
        (arm[:, labels == 1, None] > arm[:, None, labels == 0]).mean(axis=0)
        for arm in (base, chosen)
    ]
    ahead = wins[1] - wins[0]
    parts = [ahead.mean(axis=axis).var(ddof=1) / 20 for axis in (0, 1)]
    v_image, v_parts = sum(parts), sum(part**2 for part in parts)
    v_base, v_chosen = np.var(aucs[0], ddof=1) / 3, np.var(aucs[1], ddof=1) / 4
    variance = v_image + v_base + v_chosen
    freedom = variance**2 / (v_base**2 / 2 + v_chosen**2 / 3 + v_parts / 19)
    low, high = stats.t.interval(0.9, freedom, gain, math.sqrt(variance))

    assert found.gain == pytest.approx(gain, abs=1e-12)
    assert found.se == pytest.approx(math.sqrt(variance), abs=1e-12)
    assert found.degrees_of_freedom == pytest.approx(freedom, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.note == ""


def test_a_large_gain_helps_and_its_reverse_harms() -> None:
    labels, base, chosen = _arms(Seed.of(1).generator(), 300, 5, gain=1.0)
    assert verdict(labels, base, chosen).label == "helps"
    assert verdict(labels, chosen, base).label == "harms"


def test_flat_truth_is_seldom_called_a_gain_or_harm() -> None:
    """1,000 searches that change nothing: 2.5 % on either side is nominal."""
    generator = Seed.of(2).generator()
    labels_of_verdicts, single = [], 0
    for _ in range(1000):
        labels, base, chosen = _arms(generator, 150, 5)
        labels_of_verdicts.append(verdict(labels, base, chosen).label)
        single += delong_test(labels, base[0], chosen[0]).p_value < 0.05
    assert 0.003 < labels_of_verdicts.count("helps") / 1000 < 0.03
    assert 0.003 < labels_of_verdicts.count("harms") / 1000 < 0.03
    # What the run variance is for: DeLong between single trainings takes luck for a difference.
    assert single / 1000 > 0.12


def test_the_interval_holds_the_true_gain() -> None:
    generator = Seed.of(3).generator()
    inside, found = 0, 0
    truth = stats.norm.cdf(1.7 / math.sqrt(2.0225)) - stats.norm.cdf(1.2 / math.sqrt(2.0225))
    for _ in range(600):
        labels, base, chosen = _arms(generator, 150, 5, gain=0.5)
        answer = verdict(labels, base, chosen)
        inside += answer.low < truth < answer.high
        found += answer.label == "helps"
    assert 0.93 < inside / 600 < 0.99
    assert found / 600 > 0.3


def _class_variances(labels: NDArray[np.int64], base: Floats, chosen: Floats) -> list[float]:
    """What the images of each class add to the variance of a gain between two models."""
    ahead = placements(labels, chosen) - placements(labels, base)
    own = [ahead[labels == c] for c in (0, 1)]
    return [float(one.var(ddof=1)) / len(one) for one in own]


@pytest.mark.parametrize("images", [10, 15])
def test_two_like_models_differ_no_oftener_than_said_if_a_class_is_small(images: int) -> None:
    """With the degrees of freedom of all images 7.2 and 6.9 % of these did (nominal 5 %)."""
    generator, labels = Seed.of(12, images).generator(), np.repeat([1, 0], [images, 400])
    claims = 0
    for _ in range(1_500):
        common = generator.normal(size=len(labels)) + labels
        base, chosen = common + generator.normal(size=(2, len(labels)))
        claims += verdict(labels, base[None], chosen[None]).label != "no evidence"
    assert claims / 1_500 < 0.058


def test_a_small_class_of_patients_has_their_degrees_of_freedom() -> None:
    labels, base, chosen = _with_positives(10, 1)
    once = verdict(labels, base, chosen)
    twice = np.repeat(np.arange(len(labels)), 2)
    again = verdict(
        np.repeat(labels, 2),
        np.repeat(base, 2, axis=1),
        np.repeat(chosen, 2, axis=1),
        patients=twice,
    )
    assert again.degrees_of_freedom == pytest.approx(once.degrees_of_freedom)
    assert 9 <= once.degrees_of_freedom < len(labels) - 2


def test_one_training_speaks_of_two_models() -> None:
    labels, base, chosen = _arms(Seed.of(4).generator(), 60, 1, gain=0.3)
    found = verdict(labels, base, chosen)
    paired = delong_test(labels, chosen[0], base[0])
    parts = _class_variances(labels, base[0], chosen[0])
    assert sum(parts) == pytest.approx(paired.variance)
    freedom = sum(parts) ** 2 / sum(part**2 / 29 for part in parts)
    width = stats.t.ppf(0.975, freedom) * math.sqrt(paired.variance)
    assert found.note == ONE_RUN
    assert found.gain == pytest.approx(paired.auc_a - paired.auc_b, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((found.gain - width, found.gain + width))


def test_identical_arms_give_no_evidence() -> None:
    labels, base, _ = _arms(Seed.of(5).generator(), 40, 1)
    found = verdict(labels, base, base)
    assert (found.label, found.gain, found.low, found.high) == ("no evidence", 0.0, 0.0, 0.0)
    runs = _arms(Seed.of(5).generator(), 40, 4)[1]
    found = verdict(labels, runs, runs)
    assert (found.label, found.gain) == ("no evidence", 0.0)
    assert found.low == -found.high < 0


@pytest.mark.parametrize("replicates", [1, 5])
def test_a_gain_without_variance_is_degenerate(replicates: int) -> None:
    labels = np.arange(20) % 2
    perfect = np.repeat(labels[None].astype(float), replicates, axis=0)
    found = verdict(labels, np.zeros_like(perfect), perfect)
    assert (found.label, found.gain, found.note) == ("no evidence", 0.5, DEGENERATE)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_one_image_of_a_class_gives_no_interval() -> None:
    found = verdict([1, 0, 0, 0], [[0.1, 0.2, 0.3, 0.4]], [[0.9, 0.2, 0.3, 0.1]])
    assert (found.label, found.gain, found.note) == ("no evidence", 1.0, ONE_IMAGE)
    assert math.isnan(found.low)


def _with_positives(positives: int, replicates: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    labels, base, chosen = _arms(Seed.of(8).generator(), 80, replicates, gain=0.4)
    kept = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:positives]])
    return labels[kept], base[:, kept], chosen[:, kept]


def test_a_class_of_nine_images_takes_the_bootstrap_and_says_so() -> None:
    labels, base, chosen = _with_positives(9, 4)
    found = verdict(labels, base, chosen)
    arms = [np.stack([-s, s], axis=-1) for s in (base, chosen)]
    v_image, freedom = bootstrap_variance(labels, *arms)
    own = [np.var([roc_auc_score(labels, s) for s in arm], ddof=1) / 4 for arm in (base, chosen)]
    variance = v_image + sum(own)
    df = variance**2 / (sum(v**2 / 3 for v in own) + v_image**2 / freedom)
    assert found.note == FEW_IMAGES
    assert found.se == pytest.approx(math.sqrt(variance))
    assert found.degrees_of_freedom == pytest.approx(df)
    assert found.high == pytest.approx(found.gain + stats.t.ppf(0.975, df) * found.se)


def test_a_class_of_ten_images_does_not() -> None:
    assert verdict(*_with_positives(10, 4)).note == ""


def test_every_limit_is_noted() -> None:
    assert verdict(*_with_positives(5, 1)).note == f"{ONE_RUN}; {FEW_IMAGES}"


def test_small_class_of_three_takes_the_bootstrap_too() -> None:
    generator = Seed.of(9).generator()
    labels = np.repeat([0, 1, 2], [20, 30, 6])
    votes = generator.dirichlet(np.ones(3), size=(2, 3, 56))
    found = verdict(labels, *votes)
    assert found.note == FEW_IMAGES
    assert found.low < found.gain < found.high


def test_flat_truth_with_few_positives_is_seldom_called_a_gain() -> None:
    generator = Seed.of(10).generator()
    labels = (np.arange(150) < 8).astype(np.int64)
    claims = 0
    for _ in range(800):
        base, chosen = generator.normal(size=150) + 0.6 * generator.normal(size=(2, 3, 150))
        claims += verdict(labels, base + 1.2 * labels, chosen + 1.2 * labels).label == "helps"
    assert claims / 800 < 0.033


def test_class_probabilities_of_two_classes_are_the_same_as_scores() -> None:
    labels, base, chosen = _arms(Seed.of(6).generator(), 40, 3)
    as_probabilities = [stats.norm.cdf(np.stack([-s, s], axis=-1)) for s in (base, chosen)]
    assert verdict(labels, *as_probabilities) == verdict(labels, base, chosen)


def test_more_classes_use_the_macro_auc() -> None:
    generator = Seed.of(7).generator()
    labels = np.arange(120) % 3
    noise = generator.normal(size=(2, 5, 120, 3))
    votes = np.exp(noise + np.array([0.5, 2.0])[:, None, None, None] * np.eye(3)[labels])
    base, chosen = votes / votes.sum(axis=-1, keepdims=True)
    found = verdict(labels, base, chosen)
    expected = [
        np.mean([roc_auc_score(labels, p, multi_class="ovr") for p in arm])
        for arm in (base, chosen)
    ]
    assert found.gain == pytest.approx(expected[1] - expected[0], abs=1e-12)
    assert found.label == "helps"


GOOD = np.linspace(0, 1, 8)[None]


@pytest.mark.parametrize(
    ("labels", "base", "chosen", "message"),
    [
        ([1] * 8, GOOD, GOOD, "the AUC of base must be a number"),
        ([0, 1] * 4, GOOD, np.where(GOOD > 0.9, np.nan, GOOD), "the AUC of chosen must be"),
        ([0, 1] * 4, GOOD, GOOD[:, :7], r"chosen must be .* N = 8 .* \(1, 7\)"),
        ([0, 1] * 4, GOOD[0], GOOD, r"base must be \(R, N, C\) or \(R, N\) .* shape \(8,\)"),
        ([0, 1] * 4, GOOD, GOOD[:0], "chosen must be .* at least one training"),
        ([0, 1] * 4, GOOD, np.stack([1 - GOOD, GOOD], axis=-1), "must have the same classes"),
    ],
)
def test_refuses_what_cannot_be_judged(
    labels: list[int], base: Floats, chosen: Floats, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        verdict(labels, base, chosen)


def test_torchs_tensors_and_lists_are_taken_as_arrays_are() -> None:
    labels, base, chosen = [0, 1] * 10, np.arange(60.0).reshape(3, 20) % 7, np.ones((3, 20))
    found = verdict(labels, base, chosen)
    assert verdict(labels, base.tolist(), chosen.tolist()) == found
    tensors = (torch.tensor(one) for one in (labels, base, chosen))
    assert verdict(*tensors) == found


def test_refuses_a_confidence_in_percent() -> None:
    with pytest.raises(ValueError, match="between 0 and 1 but got 95"):
        verdict([0, 1] * 4, GOOD, GOOD, confidence=95)
