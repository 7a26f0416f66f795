import numpy as np
import pytest

from augsearch.evaluation.inference.delong import auc_covariance
from augsearch.lab.curves import MULTIPLES
from augsearch.lab.noise import LUCK_SD, REPLICATES, Noise, auc_variance
from augsearch.seeds import Seed


def drawn(noise, count=3000):
    truth = np.full(len(MULTIPLES), 0.8)
    return np.stack([noise.scores(truth, Seed.of(0, "noise", i)) for i in range(count)])


def test_the_variance_of_an_auc_is_near_what_delong_finds_on_binormal_scores():
    rng = Seed.of(0, "binormal").generator()
    labels = np.arange(60) < 24
    scores = rng.normal(size=(4000, 60)) + 1.19 * labels  # AUC 0.80
    aucs, _ = auc_covariance(labels, scores[:1])
    assert aucs.shape == (1,)
    found = np.array([auc_covariance(labels, one[None])[0][0] for one in scores])
    assert found.mean() == pytest.approx(0.8, abs=0.003)
    assert auc_variance(0.8, 24, 36) == pytest.approx(found.var(), rel=0.1)


def test_an_auc_below_a_half_varies_as_its_mirror_image():
    assert auc_variance(0.3, 20, 30) == pytest.approx(auc_variance(0.7, 20, 30))
    assert auc_variance(1.0, 20, 30) == 0


def test_scores_spread_as_their_parts_say():
    noise = Noise(common=0.05, like=0.02, own=0.01, luck=0.015)
    scores = drawn(noise)
    assert scores.shape == (3000, REPLICATES, 60)
    assert scores.mean() == pytest.approx(0.8, abs=0.003)
    each = 0.05**2 + 0.02**2 + 0.01**2 + 0.015**2
    assert scores[:, 0, 5].var() == pytest.approx(each, rel=0.1)
    between_replicates = scores.var(axis=1, ddof=1).mean()
    assert between_replicates == pytest.approx(0.01**2 + 0.015**2, rel=0.02)
    # K = 8 and K = 16 share exp(-(log 2)² / 2) of what similar K have in common
    difference = scores[:, 0, 7] - scores[:, 0, 15]
    apart = 2 * (0.01**2 + 0.015**2) + 2 * 0.02**2 * (1 - np.exp(-(np.log(2) ** 2) / 2))
    assert difference.var() == pytest.approx(apart, rel=0.1)


def test_the_noise_that_a_study_sees_is_half_the_paired_variance_of_neighbours():
    noise = Noise(common=0.05, like=0.02, own=0.01)
    apart = 0.02**2 * (1 - np.exp(-(np.log(2) ** 2) / 2))
    assert noise.seen([4, 2, 1, 2]) == pytest.approx(0.01**2 + apart + 0.01**2)
    assert noise.seen([3]) == pytest.approx(0.01**2 + 0.01**2)


def test_measured_replicates_differ_as_they_were_seen_to():
    for sd in (0, 0.004, 0.02, 0.05):
        noise = Noise.measured(0.07**2, replicate_sd=sd)
        assert noise.own**2 + noise.luck**2 == pytest.approx(sd**2)
        assert noise.common == Noise.of_images(0.07**2).common
    assert Noise.of_images(0.07**2).luck == LUCK_SD


def test_image_variance_is_shared_out_whole():
    noise = Noise.of_images(0.005)
    assert noise.common**2 + noise.like**2 + noise.own**2 == pytest.approx(0.005)


def test_a_simulation_depends_on_its_seed_alone():
    noise, truth = Noise.of_images(0.005), np.full(60, 0.8)
    first = noise.scores(truth, Seed.of(1))
    noise.scores(truth, Seed.of(2))
    assert (noise.scores(truth, Seed.of(1)) == first).all()
    assert (noise.scores(truth, Seed.of(2)) != first).any()
