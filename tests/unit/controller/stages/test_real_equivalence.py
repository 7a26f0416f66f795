import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.controller.stages.fitting import empty_folds
from augsearch.controller.stages.real_equivalence import RealCurve, equivalence, real_curve
from augsearch.evaluation.inference.verdict import Verdict, without_interval
from augsearch.events import StageStarted, silent

ASKED = {"replicates": 2, "test_replicates": 3, "real_equivalence": True}
SOURCES = {"classic": {"kind": "classic"}}
K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
MORE = {"add": [{"source": "classic", "multiple": 2}]}
DATA = {"kind": "demo", "train": 60, "tune": 24, "test": 24}


@pytest.fixture
def curve_of(ready, search):
    """Give arms -> the world, and the curve of the baseline "real"."""

    def run(arms, declared="arm", evaluation=ASKED, **changes):
        changes = {"data": DATA, "sources": SOURCES} | changes
        world = ready(arms=arms, evaluation=evaluation, **changes)
        world.searched = search(world, *arms)
        world.trained.clear()
        world.told = []
        curve = real_curve(
            declared, world.searched, world.prepared, world.directory, world.told.append
        )
        return world, curve

    return run


def pixels(training_set):
    images = training_set.images(("no", "yes"))
    return {one.tobytes() for one in images.pixels}


def test_it_trains_on_growing_shares_that_every_training_draws_anew(curve_of):
    world, curve = curve_of({"real": {}, "arm": MORE})
    sets = [pixels(used) for _, used in world.trained]
    assert curve.sizes[-1] == 60
    assert [len(one) for one in sets] == np.repeat(curve.sizes, 3).tolist()
    assert curve.sizes == pytest.approx([18, 27, 36, 45, 54, 60], abs=1)
    by_training = [sets[number::3] for number in range(3)]
    for shares in by_training:
        assert all(small < large for small, large in pairwise(shares))
    assert len({frozenset(rising[0]) for rising in by_training}) == 3
    assert len({used.seed for _, used in world.trained}) == 3
    assert world.told == [StageStarted("shares of the real images")]
    assert "real shares" in world.directory.seconds


def test_scores_are_tuning_aucs(curve_of):
    world, curve = curve_of({"real": {}, "arm": MORE}, split=K_FOLD)
    assert curve.scores.shape == (6, 2 * 3)
    fitted = world.prepared.classifier_of("real").fit([used for _, used in world.trained])
    for place, model in enumerate(fitted):
        size, cell = divmod(place, 6)
        tune = world.folds[cell // 3].tune
        auc = roc_auc_score(tune.labels, model.predict_portion(tune)[:, 1])
        assert curve.scores[size, cell] == pytest.approx(auc)


def test_the_baselines_own_recipe_is_what_gets_fewer_images(curve_of):
    world, curve = curve_of({"real": {"balance": "classic"}, "arm": MORE})
    for _, used in world.trained:
        labels = np.concatenate([part.labels for part in used.portions])
        assert np.ptp(np.bincount(labels)) == 0
    assert curve.sizes[-1] == 60


def test_scores_are_read_back(curve_of):
    world, curve = curve_of({"real": {}, "arm": MORE})
    world.trained.clear()
    world.folds[:] = empty_folds(world.prepared)
    again = real_curve("arm", world.searched, world.prepared, world.directory, silent)
    assert world.trained == []
    assert np.array_equal(again.scores, curve.scores)


@pytest.mark.parametrize(
    ("arms", "declared", "evaluation"),
    [
        ({"real": {}, "arm": MORE}, "arm", {"replicates": 2}),
        ({"real": {}, "arm": MORE}, None, ASKED),
        ({"real": {}, "arm": {}}, "arm", ASKED),
    ],
)
def test_without_a_question_or_anything_added_nothing_is_trained(
    curve_of, arms, declared, evaluation
):
    world, curve = curve_of(arms, declared, evaluation)
    assert (curve, world.trained, world.told) == (None, [], [])


@pytest.mark.parametrize(
    ("arms", "changes"),
    [
        ({"other": {}, "real": {"base": "other"}, "arm": MORE}, {"baseline": "real"}),
        ({"real": {}, "arm": MORE}, {"evaluation": ASKED | {"test_replicates": 2}}),
        ({"real": {}, "arm": MORE}, {"data": DATA | {"train": 8}}),
    ],
)
def test_too_few_images_or_trainings_for_a_curve(curve_of, arms, changes):
    world, curve = curve_of(arms, **changes)
    assert (curve.scores.size, world.trained) == (0, [])
    answer = equivalence(curve, gain(0.1), world.prepared)
    assert answer.text.startswith("What the chosen synthetic images are worth in real images can")
    assert "needs at least 4 sizes" in answer.text
    assert (answer.extra_images, answer.low, answer.high) == (None, None, None)


def gain(value, se=0.0):
    return Verdict("no evidence", value, value - 2 * se, value + 2 * se, se, 50.0, "")


@pytest.mark.parametrize("se", [math.nan, 0.0])
def test_a_gain_without_an_interval_is_worth_nothing_that_can_be_said(ready, se):
    found = equivalence(rising(), without_interval(0.02, se, "why"), ready().prepared)
    assert found.text.endswith("cannot be said: the gain has no interval.")
    assert (found.extra_images, found.low, found.high) == (None, None, None)


SIZES = np.array([30.0, 45, 60, 75, 90, 100])


def rising(noise=0.0):
    noises = np.random.default_rng(0).normal(0, noise, (6, 5))
    return RealCurve(SIZES, (0.9 - SIZES**-0.5)[:, None] + noises)


@pytest.mark.parametrize(
    ("curve", "given", "text"),
    [
        (rising(), gain(0.1 - 140**-0.5), "about 40 more real images (95% interval 40 to 40), bes"),
        (rising(), gain(0.1 - 70**-0.5), "about 30 fewer real images (95% interval -30 to -30)"),
        (rising(), gain(0.02, 0.006), "to more than 100), beside the 100 that there are."),
        (rising(), gain(-0.05, 0.02), "interval less than -70 to -"),
        (rising(), gain(0.5), "the gain is not one that the curve reaches between 30 and 200 re"),
        (
            rising(),
            gain(0.0, 0.5),
            "the interval spans all that the curve reaches between",
        ),
        (RealCurve(SIZES, -rising(0.001).scores), gain(0.1), "scores do not clearly rise with"),
    ],
)
def test_the_answer_in_words(ready, curve, given, text):
    answer = equivalence(curve, given, ready().prepared)
    assert text in answer.text
    assert (answer.extra_images is None) == ("cannot be said" in answer.text)


def test_an_open_end_is_null(ready):
    answer = equivalence(rising(), gain(0.02, 0.006), ready().prepared)
    assert answer.high is None
    assert 0 < answer.low < answer.extra_images < 100
