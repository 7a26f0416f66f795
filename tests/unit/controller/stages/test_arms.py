import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.events import SettingTried, StageStarted, TrialCompleted, Warned

K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
SOURCES = {"repeat": {"kind": "repeat"}, "classic": {"kind": "classic"}}
ARMS = {
    "real": {},
    "window": {"search": {"source": "repeat", "window": 2, "max_multiple": 4}},
    "list": {
        "search": {"source": "classic", "rule": "saturation", "added": [0, 4, 8], "tolerance": 1}
    },
    "later": {"base": "list", "add": [{"source": "repeat", "multiple": 2}]},
    "fixed": {"add": [{"source": "repeat", "per_class": 3}]},
}


@pytest.fixture
def world(ready):
    return ready(split=K_FOLD, sources=SOURCES, arms=ARMS)


def test_an_arm_is_searched_by_its_rule(world, search):
    searched = search(world, *ARMS)
    amounts = {
        name: [entry.multiple for entry in one.found.history] for name, one in searched.items()
    }
    assert amounts["window"] == list(range(1, len(amounts["window"]) + 1))
    assert amounts["list"] == [0, 4, 8]
    # A fixed arm has one amount, what its additions add up to.
    assert (amounts["real"], amounts["later"], amounts["fixed"]) == ([1], [2], [3])
    assert searched["list"].multiple == 0  # the smallest within the tolerance
    n = searched["real"].train_size
    assert searched["later"].train_size == 2 * n
    assert searched["fixed"].train_size == n + 6
    assert searched["window"].train_size == searched["window"].multiple * n
    assert all(one.tuned is None for one in searched.values())
    world.trained.clear()
    for entry in searched["list"].found.history:  # the scores of what the trainings said
        outputs = searched["list"].tuning_outputs(entry.multiple)
        scores = [
            roc_auc_score(fold.tune.labels, one[:, 1])
            for fold, output in zip(world.folds, outputs, strict=True)
            for one in output
        ]
        assert entry.scores == pytest.approx(tuple(scores))
    assert world.trained == []


@pytest.mark.parametrize("rule", [{"window": 12}, {"rule": "halving"}])
def test_a_search_ends_with_the_images_of_its_source(ready, search, tmp_path, rule, n_images=30):
    for name in ("clear", "fluid"):
        (tmp_path / "made" / name).mkdir(parents=True)
        for number in range(n_images):
            pixels = np.full((8, 8), number, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "made" / name / f"{number}.png")
    made = {"kind": "folder", "path": tmp_path / "made"}
    arms = {"real": {}, "arm": {"search": {"source": "made"} | rule}}
    world = ready(sources={"made": made}, arms=arms)
    last = 1 + n_images // max(world.folds[0].class_counts)
    told = []
    history = search(world, "arm", notify=told.append)["arm"].found.history
    assert {entry.multiple for entry in history} == set(range(1, last + 1))
    [warning] = [event.message for event in told if isinstance(event, Warned)]
    assert warning.startswith(f"the search ends at K = {last} at the latest")


def test_what_was_searched_is_read_back_and_lost_outputs_are_made_again(world, search):
    arms = ("list", "later")
    first = search(world, *arms)
    outputs = first["list"].tuning_outputs(4)
    world.trained.clear()
    again = search(world, *arms)
    assert world.trained == []
    assert {name: one.found for name, one in again.items()} == {
        name: one.found for name, one in first.items()
    }
    for path in (world.directory.artifacts / "tuning" / "list").glob("4-*.npy"):
        path.unlink()
    assert all(map(np.array_equal, again["list"].tuning_outputs(4), outputs))
    assert [len(used) for _, used in world.trained] == [
        again["list"].size(fold, 4) for fold in world.folds for _ in range(2)
    ]


TUNE = {"parameters": {"head.learning_rate": [2.0, 0.1]}, "replicates": 1}


def test_settings_are_tried_at_the_first_amount_before_the_others(ready, search):
    world = ready(split=K_FOLD, sources=SOURCES, arms=ARMS, tune=TUNE)
    searched = search(world, "list")["list"]
    rates = [options.head.learning_rate for options, _ in world.trained]
    # 2 settings x 2 folds, then 3 amounts x 2 folds x 2 replicates with the better one
    assert rates == [2.0, 2.0, 0.1, 0.1] + [0.1] * 12
    sizes = [len(used) for _, used in world.trained]
    assert sizes[:4] == [len(fold.train.labels) for fold in world.folds] * 2
    assert searched.tuned.chosen == 1
    assert searched.score.classifier.options.head.learning_rate == 0.1


def test_every_stage_is_told_before_its_work(ready, search):
    world = ready(split=K_FOLD, sources=SOURCES, arms=ARMS, tune=TUNE)
    events = []
    search(world, "list", notify=events.append)
    told = [one for one in events if isinstance(one, StageStarted | SettingTried | TrialCompleted)]
    kinds = [type(one) for one in told]
    assert kinds == [StageStarted, *[SettingTried] * 2, StageStarted, *[TrialCompleted] * 3]
    assert [told[0].stage, told[3].stage] == ["tune list", "search list"]
    assert told[1].evaluation.multiple == 0


def test_a_window_is_tuned_at_its_start(ready, search):
    window = {"search": {"source": "repeat", "start": 3, "window": 1, "max_multiple": 4}}
    world = ready(split=K_FOLD, sources=SOURCES, arms={"real": {}, "late": window}, tune=TUNE)
    search(world, "late")
    n = len(world.folds[0].train.labels)
    assert [len(used) for _, used in world.trained][:1] == [3 * n]


class Killed(BaseException):
    """As SIGKILL: nothing in the code under test catches it."""


@pytest.mark.parametrize("moment", [1, 4])
def test_killed_anywhere_the_arms_end_as_if_undisturbed(
    ready, search, moment, tmp_path, monkeypatch
):
    settings = {"split": K_FOLD, "sources": SOURCES, "arms": ARMS, "tune": TUNE}
    world = ready(**settings)
    world.directory = RunDirectory(tmp_path / "undisturbed")
    expected = results(search(world, "list", "later"))

    world = ready(**settings)
    calls = iter(range(moment, -1, -1))
    kind = type(world.prepared.classifier_of("list"))
    fit = kind.fit

    def killed(self, training_sets, notify=None):
        if next(calls, 1) == 0:
            raise Killed
        return fit(self, training_sets, notify)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "fit", killed)
        with pytest.raises(Killed):
            search(world, "list", "later")
    assert results(search(world, "list", "later")) == expected


def results(searched):
    return {name: (one.found, one.tuned.trials, one.tuned.chosen) for name, one in searched.items()}
