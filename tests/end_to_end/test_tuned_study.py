"""Settings tuned, a generator trained on an arm's optimum, amounts of a list: killed and not."""

import csv
import json
import signal
import time
from statistics import fmean

import pytest
from optuna import load_study as load_optuna_study
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from augsearch.controller.study import load_study
from augsearch.events import SettingTried, StageStarted

STUDY = """\
seed = 3
device = "cpu"

[images]
size = 16

[data]
kind = "demo"
train = 24
tune = 24
test = 30

[split]
method = "given"

[sources.classic]
kind = "classic"

[sources.gan]
kind = "acgan"
train_on = "classic"
generator_filters = [8, 8]
discriminator_filters = [8, 8]
batch_size = 8
iterations = 20
snapshot_every = 10
checkpoint_every = 5

[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {epochs = 3}

[tune]
replicates = 2
parameters = {"head.batch_size" = [4, 16], "head.learning_rate" = [1e-3, 1e-4]}

[arms.both]
base = "classic"
search = {source = "gan", rule = "sweep", multiples = [1, 2]}

[arms.real]

[arms.classic]
search = {source = "classic", rule = "saturation", per_class = [0, 6, 12]}

[audit]
images_per_class = 20

[evaluation]
replicates = 2
test_replicates = 2

[report.tables.marks]
title = 'Table [bold]2[/bold] of [ours] :warning:'
images = "tuning"
metrics = ["auc"]
value = "mean-sd"

[tracking]
enabled = false
"""
TITLE = "Table [bold]2[/bold] of [ours] :warning:"
SETTINGS = [(size, rate) for size in (4, 16) for rate in (1e-3, 1e-4)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(run directory, events) of the study, run in one go from Python."""
    folder, events = tmp_path_factory.mktemp("tuned"), []
    (folder / "tuned.toml").write_text(STUDY)
    load_study(folder / "tuned.toml").run(folder / "run", notify=events.append)
    return folder / "run", events


def results(run):
    """results.json without the times."""
    found = json.loads((run / "results.json").read_text())
    del found["seconds"]
    return found


def tried(run, arm):
    """The completed trials of an arm's tuning, as Optuna has them, in order."""
    storage = RDBStorage(f"sqlite:///{run / 'ledger.db'}")
    try:
        trials = load_optuna_study(study_name=f"{arm} (tune)", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def test_each_source_is_trained_when_an_arm_needs_it_and_after_the_arm_that_it_sees(undisturbed):
    stages = [event.stage for event in undisturbed[1] if isinstance(event, StageStarted)]
    assert [stage for stage in stages if stage != "audit"] == [
        "data",
        "sources",
        "tune classic",
        "search classic",
        "source gan",
        "tune both",
        "search both",
        "tune real",
        "search real",
        "test",
        "report",
    ]


def test_every_arm_is_searched_with_the_setting_that_scored_best(undisturbed):
    run, _ = undisturbed
    for name, arm in results(run)["arms"].items():
        trials = tried(run, name)
        assert [tuple(trial.params.values()) for trial in trials] == SETTINGS
        scores = [trial.user_attrs["scores"] for trial in trials]
        best = max(scores, key=fmean)  # the first of equal ones
        # Tuned at the arm's first amount, with as many replicates as the search has.
        assert arm["history"][0]["scores"] == best
        assert [len(one) for one in scores] == [2] * 4
        assert arm["setting"] == trials[scores.index(best)].params


def test_settings_are_told_as_they_are_tried_and_stand_in_table_and_report(undisturbed):
    run, events = undisturbed
    report = (run / "report.html").read_text()
    assert "Settings of the classifiers" in report
    told = [event for event in events if isinstance(event, SettingTried)]
    assert [event.arm for event in told] == ["classic"] * 4 + ["both"] * 4 + ["real"] * 4
    for arm in ("classic", "both", "real"):
        own = [event for event in told if event.arm == arm]
        assert [tuple(event.setting.values()) for event in own] == SETTINGS
        trials = [trial.user_attrs["scores"] for trial in tried(run, arm)]
        assert [list(event.evaluation.scores) for event in own] == trials
        with (run / "tables" / "settings.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["arm"] == arm]
        assert [float(row["score"]) for row in rows] == [one for both in trials for one in both]
        [chosen] = {row["setting"] for row in rows if row["chosen"] == "True"}
        setting = own[int(chosen)].setting
        assert setting == results(run)["arms"][arm]["setting"]
        assert f">{own[int(chosen)].evaluation.score:.3f}</td>" in report
    done = [
        (event.done, event.total) for event in events if getattr(event, "unit", "") == "settings"
    ]
    assert done == [(number, 4) for _ in range(3) for number in range(5)]


def test_amounts_per_class_count_on_and_the_smallest_within_the_tolerance_wins(undisturbed):
    arms = results(undisturbed[0])["arms"]
    classic, both = arms["classic"], arms["both"]
    assert classic["unit"] == "per_class"
    assert [entry["multiple"] for entry in classic["history"]] == [0, 6, 12]
    best = max(entry["score"] for entry in classic["history"])
    good = [entry["multiple"] for entry in classic["history"] if entry["score"] >= best - 0.005]
    assert classic["multiple"] == min(good)
    assert classic["n_train"] == arms["real"]["n_train"] + 2 * classic["multiple"]
    assert [entry["multiple"] for entry in both["history"]] == [1, 2]
    assert both["n_train"] == both["multiple"] * classic["n_train"]


def test_killed_while_settings_are_tried_it_ends_with_the_same_numbers(undisturbed, augsearch):
    augsearch.write(STUDY, "tuned.toml")
    run = augsearch.folder / "runs" / "tuned"
    process = augsearch.start("run", "tuned.toml")
    first = run / "artifacts" / "tune" / "both" / "0-fold0.npy"  # half of the run is done by then
    deadline = time.monotonic() + 120
    while not first.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "results.json").exists()
    done = augsearch("run", "tuned.toml")
    assert done.returncode == 0, done.stderr
    assert results(run) == results(undisturbed[0])
    _told_once(run, done.stderr)
    assert TITLE in " ".join(done.stdout.split())
    with (run / "tables" / "marks.csv").open() as file:
        values = [row["auc"] for row in csv.DictReader(file)]
    assert all(f"{float(value):.3f}" in done.stdout for value in values)
    for arm in ("classic", "both", "real"):
        again, before = tried(run, arm), tried(undisturbed[0], arm)
        assert [one.params for one in again] == [one.params for one in before]
        assert [one.values for one in again] == [one.values for one in before]


def _told_once(run, second):
    """What the first process told before it was killed, the second, `second`, does not tell."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    told = [(one["arm"], one["number"]) for one in lines if one["event"] == "SettingTried"]
    assert len(told) == len(set(told))
    # One that was scored and not yet told when the kill came is not told again.
    assert len(told) >= 11
    assert "both: head.batch_size 16, head.learning_rate 0.0001: score 0." in second
    assert "classic: head" not in second
