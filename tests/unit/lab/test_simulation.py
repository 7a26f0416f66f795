"""The lab on its own settings, among them the numbers of the design (section 5)."""

import numpy as np
import pytest

from augsearch.lab.curves import SHAPES, curve
from augsearch.lab.noise import Noise
from augsearch.lab.simulation import (
    PUBLISHED,
    TUNING_SETS,
    Setting,
    simulate,
    standard_contenders,
)
from augsearch.seeds import Seed

SEED = Seed.of(0, "lab")

DESIGN = {
    PUBLISHED: (14.8, 9.7, 7.3),
    "sliding window 12, smoothed": (13.4, 6.7, 4.1),
    "geometric grid, smoothed": (12.8, 5.5, 3.0),
    "halving": (10.6, 3.6, 1.6),
}
"""Rule -> mean AUC lost x1000 with 39, 200 and 1000 tuning images."""


def named(*names, replicates=(1,)):
    return [
        one for one in standard_contenders() if one.name in names and one.replicates in replicates
    ]


@pytest.fixture(scope="module")
def scores():
    """Give (rule, tuning images) -> score, of the rules that the design has numbers for."""
    rules = named(*DESIGN)
    assert len(rules) == len(DESIGN)
    return {
        (one.rule, images): one
        for images in TUNING_SETS
        for one in simulate(Setting.standard(images), rules, 25, SEED)
    }


@pytest.mark.parametrize("rule", DESIGN)
def test_the_losses_of_the_design_are_reproduced(scores, rule):
    for images, expected in zip(TUNING_SETS, DESIGN[rule], strict=True):
        one = scores[rule, images]
        # 0.5: the design's own numbers are a simulation, too, of curves not quite the same.
        assert abs(1000 * one.regret - expected) < 3 * 1000 * one.regret_error + 0.5


def test_the_error_of_a_loss_is_its_spread_over_repetitions():
    setting, rule = Setting.standard(39), named(PUBLISHED)
    found = [simulate(setting, rule, 10, Seed.of(number))[0] for number in range(20)]
    spread = np.std([one.regret for one in found], ddof=1)
    assert spread == pytest.approx(np.mean([one.regret_error for one in found]), rel=0.5)


def test_what_else_the_design_says(scores):
    few = scores[PUBLISHED, 39]
    assert few.optimism == pytest.approx(0.07, abs=0.015)
    trainings = [scores[PUBLISHED, images].trainings for images in TUNING_SETS]
    assert np.mean(trainings) == pytest.approx(23, abs=1.5)
    for images in TUNING_SETS:
        assert scores[PUBLISHED, images].false_gains == pytest.approx(0.89, abs=0.12)
        assert scores[PUBLISHED, images].cost == 1
        assert scores["geometric grid, smoothed", images].trainings == 12
        assert scores["halving", images].trainings == 24
        assert scores["halving", images].regret < scores[PUBLISHED, images].regret
    assert scores["halving", 39].optimism < few.optimism / 2


def test_without_noise_a_window_finds_the_best_of_every_curve():
    silent = Setting(100, Noise(0, 0, 0, 0))
    for one in simulate(silent, named("sliding window 18", "sliding window 6"), 2, SEED):
        assert one.regret == pytest.approx(0, abs=1e-12)
        assert one.optimism == pytest.approx(0, abs=1e-12)
        assert one.false_gains == 0


def test_cost_counts_training_images():
    silent = Setting(100, Noise(0, 0, 0, 0))
    one, three = simulate(silent, named(PUBLISHED, replicates=(1, 3)), 2, SEED)
    assert (one.cost, three.cost) == (1, 3)
    assert three.trainings == 3 * one.trainings
    stops = []
    for shape in SHAPES:  # by a plain loop
        values, k, best = curve(shape, 0.8), 1, 1
        while k < 60 and k - best < 12:
            k += 1
            best = k if values[k - 1] > values[best - 1] else best
        stops.append(k)
    assert one.trainings == np.mean(stops)
    used = np.mean([stop * (stop + 1) / 2 for stop in stops])
    (alone,) = simulate(silent, named("geometric grid, smoothed"), 2, SEED)
    assert alone.cost == 1  # without the published rule, the first is the unit
    both = simulate(silent, named(PUBLISHED, "geometric grid, smoothed"), 2, SEED)
    assert both[1].cost == pytest.approx(198 / used)


def test_a_simulation_does_not_depend_on_what_runs_beside_it():
    setting = Setting.standard(39)
    alone = simulate(setting, named(PUBLISHED), 3, SEED)
    among = simulate(setting, named("halving", PUBLISHED, "sliding window 6"), 3, SEED)
    assert alone[0] in among
