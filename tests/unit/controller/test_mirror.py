import json
import math

import pytest

from augsearch.controller.mirror import Mirror
from augsearch.events import SettingTried, silent
from augsearch.records import Evaluation
from augsearch.search.tuning import SettingTrial
from augsearch.tracking.outbox import Outbox, ParametersSet, PointsLogged

DEAD = "http://127.0.0.1:9"
TUNE = {
    "parameters": {"head.learning_rate": [2.0, 0.1], "head.outputs": ["softmax"]},
    "replicates": 1,
}
CHOSEN = {"setting.head.learning_rate": "0.1", "setting.head.outputs": json.dumps("softmax")}


class Nobody:
    """In place of the thread that delivers."""

    def __init__(self, *parts):
        pass

    def wake(self):
        pass


@pytest.fixture
def world(ready, monkeypatch):
    monkeypatch.setattr("augsearch.tracking.tracker.Courier", Nobody)
    return ready(tune=TUNE, tracking={"uri": DEAD})


def actions(world, kind):
    entries = Outbox(world.directory.outbox).entries
    return [entry.action for entry in entries if isinstance(entry.action, kind)]


def curve(world):
    points = [point for action in actions(world, PointsLogged) for point in action.points]
    chosen = [point for point in points if point.key == "tuning_setting_score"]
    assert {point.run for point in chosen} <= {"arm/real"}
    return [(point.step, point.value) for point in chosen]


def test_the_chosen_setting_and_all_scores_stand_in_the_arms_run(world, search):
    for _ in range(2):  # a resumed run says everything again
        found = search(world, "real")["real"]
        [parameters] = actions(world, ParametersSet)
        assert (parameters.run, parameters.parameters) == ("arm/real", CHOSEN)
        assert curve(world) == [(n, trial.mean) for n, trial in enumerate(found.tuned.trials)]


def test_a_setting_is_mirrored_as_soon_as_it_was_tried_and_once(world):
    mirror = Mirror(world.study, world.directory, silent)
    trials = [SettingTrial({"head.epochs": n}, (0.5, 0.5 + n)) for n in range(3)]
    for number, trial in enumerate(trials[:2]):
        evaluation = Evaluation.of(4, trial.scores)
        mirror.listen(SettingTried("real", number, trial.setting, evaluation))
    assert curve(world) == [(0, 0.5), (1, 1.0)]
    mirror.tuned("real", trials, trials[1].setting)
    assert curve(world) == [(0, 0.5), (1, 1.0), (2, 1.5)]


def test_a_score_that_is_not_finite_is_mirrored_too(world):
    mirror = Mirror(world.study, world.directory, silent)
    mirror.listen(SettingTried("real", 0, {}, Evaluation.of(1, [math.nan])))
    [(step, value)] = curve(world)
    assert step == 0
    assert math.isnan(value)
