import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from augsearch.evaluation.inference.delong import delong_test
from augsearch.evaluation.inference.max_t import NO_SCORE, ON_TUNING, ONE_TUNING_IMAGE, max_t
from augsearch.evaluation.inference.verdict import DEGENERATE, ONE_RUN
from augsearch.evaluation.metrics import auc
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
SEED = Seed.of(0, "max-t")


def _scores(
    amounts: int, replicates: int, n: int, gain: float = 0.0, number: int = 0
) -> tuple[NDArray[np.int64], Floats]:
    """Return labels and scores; `gain` moves the classes apart in every amount but the first."""
    generator = Seed.of(amounts, replicates, n, number).generator()
    labels = np.arange(n) % 2
    noise = generator.normal(size=n) + 0.7 * generator.normal(size=(amounts, replicates, n))
    luck = 0.1 * generator.normal(size=(amounts, replicates, 1))
    separation = 1.2 + luck + gain * (np.arange(amounts) > 0)[:, None, None]
    return labels, separation * labels + noise


def test_two_amounts_are_the_normal_interval_of_delong() -> None:
    labels, scores = _scores(2, 1, 60, gain=0.4)
    found = max_t(labels, scores, 0, 0.95, SEED, draws=200_000)
    single = delong_test(labels, scores[1, 0], scores[0, 0])
    assert found.gains[1] == pytest.approx(single.auc_a - single.auc_b)
    assert found.se[1] == pytest.approx(math.sqrt(single.variance), rel=1e-9)
    assert found.critical == pytest.approx(stats.norm.ppf(0.975), rel=0.01)
    width = found.critical * found.se[1]
    assert (found.low[1], found.high[1]) == pytest.approx(
        (found.gains[1] - width, found.gains[1] + width)
    )


def test_many_independent_amounts_are_dunnetts_comparison() -> None:
    """Equal variances and correlation 0.5 through the common base: a tabulated critical value."""
    generator = Seed.of(1).generator()
    labels = np.arange(4000) % 2
    scores = 0.8 * labels + generator.normal(size=(6, 1, 4000))
    found = max_t(labels, scores, 0, 0.95, SEED, draws=100_000)
    # Dunnett 1964 (Biometrics 20), two-sided 5 %, 5 treatments, infinite degrees of freedom.
    assert found.critical == pytest.approx(2.51, abs=0.02)


def test_trainings_widen_every_interval_alike() -> None:
    labels, scores = _scores(3, 4, 60)
    found = max_t(labels, scores, 0, 0.95, SEED)
    aucs = auc(labels, scores)
    gain = aucs.mean(axis=1)[2] - aucs.mean(axis=1)[0]
    wins = (scores[:, :, labels == 1, None] > scores[:, :, None, labels == 0]).mean(axis=1)
    ahead = wins[2] - wins[0]
    delong_variance = (ahead.mean(axis=1).var(ddof=1) + ahead.mean(axis=0).var(ddof=1)) / 30
    run = aucs.var(axis=1, ddof=1).mean() / 4
    assert found.gains[2] == pytest.approx(gain)
    assert found.se[2] == pytest.approx(math.sqrt(delong_variance + 2 * run), rel=1e-9)


@pytest.mark.parametrize(("replicates", "freedom"), [(2, 2), (3, 4), (6, 10)])
def test_few_trainings_are_students_t(replicates: int, freedom: int) -> None:
    """Of two amounts whose trainings differ far more than images could make them."""
    labels, images = np.arange(400) % 2, np.arange(400) / 100
    luck = np.linspace(-1, 1, replicates)[:, None]
    scores = np.stack([images + labels * (1 + luck), images + labels * (1.02 + luck)])
    found = max_t(labels, scores, 0, 0.95, SEED, draws=100_000)
    assert found.critical == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.03)


def test_flat_truth_is_seldom_called_a_gain_whichever_amount_is_best() -> None:
    best, single = 0, 0
    for number in range(300):
        labels, scores = _scores(8, 2, 60, number=number)
        found = max_t(labels, scores, 0, 0.95, SEED, draws=1000)
        chosen = int(np.argmax(found.gains))
        best += found.verdict(chosen).label == "helps"
        single += found.gains[chosen] > 1.96 * found.se[chosen]
    assert best / 300 < 0.05
    assert single / 300 > 2 * best / 300


def test_a_large_gain_helps_and_a_large_loss_harms() -> None:
    labels, scores = _scores(4, 3, 200, gain=1.0)
    answer = max_t(labels, scores, 0, 0.95, SEED).verdict(2)
    assert answer.label == "helps"
    held = "the interval holds for all 3 candidates at once (max-T)"
    assert answer.note == f"{ON_TUNING}; {held}"
    assert math.isinf(answer.degrees_of_freedom)
    assert max_t(labels, scores, 2, 0.95, SEED).verdict(0).label == "harms"


def test_the_base_itself_gains_nothing() -> None:
    labels, scores = _scores(3, 2, 60)
    answer = max_t(labels, scores, 1, 0.95, SEED).verdict(1)
    assert (answer.label, answer.gain, answer.low, answer.high) == ("no evidence", 0, 0, 0)


def test_one_training_speaks_of_these_models() -> None:
    labels, scores = _scores(3, 1, 60)
    assert max_t(labels, scores, 0, 0.95, SEED).verdict(1).note.endswith(f"(max-T); {ONE_RUN}")


def test_copies_of_the_base_are_no_candidates() -> None:
    labels, scores = _scores(2, 1, 60)
    found = max_t(labels, np.concatenate([scores, scores[:1]]), 0, 0.95, SEED)
    assert found.candidates == 1
    assert found.verdict(1).note == f"{ON_TUNING}; {ONE_RUN}"


def test_an_amount_without_a_score_says_so_and_changes_no_other() -> None:
    labels, scores = _scores(4, 2, 60)
    scores[3, 1, 7] = np.nan
    found = max_t(labels, scores, 0, 0.95, SEED)
    without = max_t(labels, scores[:3], 0, 0.95, SEED)
    assert found.critical == without.critical
    np.testing.assert_allclose(found.low[:3], without.low, atol=1e-12)
    answer = found.verdict(3)
    assert (answer.label, answer.note) == ("no evidence", f"{ON_TUNING}; {NO_SCORE}")
    assert math.isnan(answer.gain)


def test_no_variance_is_degenerate() -> None:
    labels = np.arange(20) % 2
    scores = np.stack([labels * 0.0, labels * 1.0, labels * 0.0])[:, None]
    found = max_t(labels, scores, 0, 0.95, SEED)
    answer = found.verdict(1)
    assert (answer.label, answer.note) == ("no evidence", f"{ON_TUNING}; {DEGENERATE}")
    assert (found.verdict(2).gain, found.verdict(2).low) == (0, 0)
    assert math.isnan(found.critical)


def test_one_image_of_a_class_gives_no_interval() -> None:
    found = max_t([1, 0, 0], np.array([[[0.5, 0.6, 0.1]], [[0.9, 0.1, 0.2]]]), 0, 0.95, SEED)
    answer = found.verdict(1)
    assert (answer.gain, answer.note) == (0.5, f"{ON_TUNING}; {ONE_TUNING_IMAGE}")


def test_more_classes_use_the_macro_auc() -> None:
    generator = Seed.of(3).generator()
    labels = np.arange(90) % 3
    votes = np.exp(generator.normal(size=(4, 2, 90, 3)) + np.eye(3)[labels])
    votes[1:] *= np.exp(2.0 * np.eye(3)[labels])
    given = votes / votes.sum(axis=-1, keepdims=True)
    assert max_t(labels, given, 0, 0.95, SEED).verdict(1).label == "helps"


def test_refuses_what_cannot_be_compared() -> None:
    labels, scores = _scores(3, 2, 20)
    with pytest.raises(ValueError, match="base_index must lie between 0 and 2 but got 3"):
        max_t(labels, scores, 3, 0.95, SEED)
    with pytest.raises(ValueError, match="between 0 and 1 but got 95"):
        max_t(labels, scores, 0, 95, SEED)
    scores[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="the AUC of the base must be a number"):
        max_t(labels, scores, 0, 0.95, SEED)
