import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.controller.stages.fitting import fit_sources
from augsearch.controller.stages.tuning import tune_arm
from augsearch.errors import AugsearchError
from augsearch.evaluation.metrics import Metric, get_metric
from augsearch.events import Advanced, SettingTried, silent
from augsearch.execution.cells import ArmScore
from augsearch.execution.recipes import arm_recipe
from augsearch.records import Evaluation
from augsearch.study.settings import with_settings

TUNE = {
    "parameters": {"head.learning_rate": [3.0, 0.1], "head.epochs": [1, 2]},
    "replicates": 3,
}
TPE = TUNE | {
    "method": "tpe",
    "trials": 2,
    "parameters": {"head.learning_rate": {"low": 0.01, "high": 3.0, "log": True}},
}
K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
ARMS = {"real": {}, "arm": {"search": {"source": "repeat"}}}


@pytest.fixture
def tune(ready):
    """Tune "arm" at K = 2 in a run directory -> (what came out, what was trained, the study)."""

    def run(tune=TUNE, metric=None, notify=silent, **changes):
        world = ready(**{"split": K_FOLD, "arms": ARMS, "tune": tune} | changes)
        prepared = replace(world.prepared, metric=metric or world.prepared.metric)
        fit_sources(["repeat"], prepared, world.directory, {0: world.folds}, {}, silent)
        score = ArmScore(
            recipe=lambda amount, fold: arm_recipe(
                world.study.arms, "arm", amount, fold.class_counts, {}, fold.sizes
            ),
            folds=world.folds,
            classifier=prepared.classifier_of("arm"),
            metric=prepared.metric,
            replicates=2,
            seed=prepared.seed,
        )
        tuned = tune_arm(world.study.tune, prepared, world.directory, "arm", score, 2.0, notify)
        return tuned, world

    return run


def test_every_setting_is_trained_on_the_arms_set_and_scored_on_tuning_images(tune):
    tuned, world = tune()
    settings = [(rate, epochs) for rate in (3.0, 0.1) for epochs in (1, 2)]
    assert [tuple(one.setting.values()) for one in tuned.trials] == settings
    cells = [(fold, replicate) for fold in world.folds for replicate in range(3)]
    assert len(world.trained) == len(settings) * len(cells)
    logged = iter(world.trained)
    for (rate, epochs), trial in zip(settings, tuned.trials, strict=True):
        for (fold, replicate), score in zip(cells, trial.scores, strict=True):
            options, used = next(logged)
            assert (options.head.learning_rate, options.head.epochs) == (rate, epochs)
            assert used.seed == world.prepared.seed.child("search", fold.number, replicate)
            assert len(used) == 2 * len(fold.train.labels)
            fitted = world.prepared.make_classifier(options).fit([used])[0]
            positive = fitted.predict_portion(fold.tune)[:, 1]
            assert score == pytest.approx(roc_auc_score(fold.tune.labels, positive))

    _is_the_best_on_average(tuned, world)


def _is_the_best_on_average(tuned, world):
    means = [np.mean(trial.scores) for trial in tuned.trials]
    assert means[0] == means[1]  # epochs change nothing in the stand-in
    assert tuned.chosen == int(np.argmax(means)) == 2
    chosen = tuned.score.classifier.options
    assert chosen == with_settings(world.study.classifier, tuned.trials[2].setting)
    assert chosen.head.learning_rate == 0.1
    assert tuned.score.replicates == 2  # of the search, not of [tune]
    world.trained.clear()
    tuned.score(1.0)
    assert [options for options, _ in world.trained] == [chosen] * 4


def test_a_metric_that_should_be_small_is_made_small(tune):
    auc = get_metric("auc").function
    tuned, _ = tune(metric=Metric("loss", False, auc))
    means = [np.mean(trial.scores) for trial in tuned.trials]
    assert tuned.chosen == int(np.argmin(means)) == 0


@pytest.mark.parametrize("options", [TUNE, TPE], ids=["grid", "tpe"])
def test_what_was_tried_and_what_trainings_said_are_read_back(tune, options):
    first, world = tune(options)
    assert world.trained
    tuned, world = tune(options)
    kept = [tuned.outputs(number) for number in range(len(tuned.trials))]
    assert world.trained == []
    assert (tuned.trials, tuned.chosen) == (first.trials, first.chosen)
    assert tuned.score.classifier.options == first.score.classifier.options
    for trial, outputs in zip(tuned.trials, kept, strict=True):
        scores = [
            roc_auc_score(fold.tune.labels, one[:, 1])
            for fold, output in zip(world.folds, outputs, strict=True)
            for one in output
        ]
        assert trial.scores == pytest.approx(tuple(scores))

    (world.directory.artifacts / "tune" / "arm" / "1-fold1.npy").unlink()
    assert all(map(np.array_equal, tuned.outputs(1), kept[1]))
    again = {options for options, _ in world.trained}
    assert again == {with_settings(world.study.classifier, tuned.trials[1].setting)}
    assert len(world.trained) == 6


def test_settings_and_progress_are_told_once(tune):
    events = []
    tuned, _ = tune(notify=events.append)
    tried = [one for one in events if isinstance(one, SettingTried)]
    assert tried == [
        SettingTried("arm", number, trial.setting, Evaluation.of(2.0, trial.scores))
        for number, trial in enumerate(tuned.trials)
    ]
    assert [one for one in events if isinstance(one, Advanced)] == [
        Advanced(done, 4, "settings") for done in range(5)
    ]
    assert tuned.setting == tried[2].setting == {"head.learning_rate": 0.1, "head.epochs": 1}
    events.clear()
    tune(notify=events.append)
    assert events == [Advanced(4, 4, "settings")]


def test_a_setting_without_a_finite_score_is_passed_over(tune):
    auc = get_metric("auc")
    worth = iter([math.nan] * 18 + [1.0] * 6)  # the last of 4 settings of 6 trainings each
    tuned, _ = tune(metric=Metric("odd", True, lambda y, p: next(worth) * auc.function(y, p)))
    assert tuned.chosen == 3


def test_without_any_finite_score_there_is_nothing_to_choose(tune):
    never = Metric("never", True, lambda labels, outputs: math.nan)
    message = r"arm 'arm': a setting of \[tune\] must have a finite score but none of the 4 has"
    with pytest.raises(AugsearchError, match=message):
        tune(metric=never)


def test_an_arm_tunes_the_classifier_that_it_names(tune):
    arms = {"real": {}, "arm": ARMS["arm"] | {"classifier": "other"}}
    tuned, _ = tune(TPE, arms=arms, classifiers={"other": {"backbone": "resnet18"}})
    assert tuned.score.classifier.options.backbone == "resnet18"
