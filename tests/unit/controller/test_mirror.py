import json
import math
import sqlite3
from pathlib import Path

import pytest

from augsearch.controller.mirror import Mirror, arm_figures, tracking_uri
from augsearch.errors import TrackingError
from augsearch.events import SettingTried, TrainingLogged, silent
from augsearch.records import Evaluation
from augsearch.report.words.sentences import verdict_sentence
from augsearch.search.tuning import SettingTrial
from augsearch.study.audit_result import AuditResult
from augsearch.study.results import (
    ArmResult,
    EndpointGain,
    HistoryEntry,
    Interval,
    StudyResult,
    VerdictResult,
)
from augsearch.study.schema.study import TrackingOptions
from augsearch.tracking.outbox import (
    Outbox,
    ParametersSet,
    PointsLogged,
    RunClosed,
    RunOpened,
    TagsSet,
)

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


def test_losses_that_the_outbox_has_lost_are_said_again_from_the_log(world):
    mirror = Mirror(world.study, world.directory, silent)
    for iteration in (10, 20):
        event = TrainingLogged("acgan", 0, iteration, {"loss": 1 / iteration})
        world.directory.log(event)
        mirror.listen(event)
    whole = world.directory.outbox.read_bytes()
    world.directory.outbox.write_bytes(whole[:-1])  # the last line is torn
    assert len(actions(world, PointsLogged)) == 1
    for _ in range(2):
        Mirror(world.study, world.directory, silent).start({})
        points = [point for action in actions(world, PointsLogged) for point in action.points]
        assert [(p.step, p.value) for p in points if p.key == "loss"] == [(10, 0.1), (20, 0.05)]


def test_a_score_that_is_not_finite_is_mirrored_too(world):
    mirror = Mirror(world.study, world.directory, silent)
    mirror.listen(SettingTried("real", 0, {}, Evaluation.of(1, [math.nan])))
    [(step, value)] = curve(world)
    assert step == 0
    assert math.isnan(value)


def finish(world, result):
    world.directory.report.write_text("report")
    (world.directory.path / "results.json").write_text("{}")
    (world.directory.path / "study.toml").write_text("")
    Mirror(world.study, world.directory, silent).finish(result)


def test_gains_in_further_endpoints_are_scalars_of_the_arms_run(world):
    gain = EndpointGain(label="helps", value=0.25, low=0.1, high=0.4)
    none = EndpointGain(label="no evidence", value=None, low=None, high=None)
    arm = ArmResult(
        multiple=1, n_train=2, score=0.5, stopped_at=None, reason=None, test={}, external=None,
        history=[HistoryEntry(multiple=1, score=0.5, scores=[0.5])],
        gain=Interval(value=0.1, low=-0.2, high=None),
        endpoints={"sensitivity@0.90": gain, "ppv": none},
    )  # fmt: skip
    verdict = VerdictResult(arm="real", label="helps", gain=0.1, low=None, high=None)
    result = StudyResult(
        study="s", baseline="none", judged_on="tuning", arms={"none": arm, "real": arm},
        verdict=verdict, seconds={},
    )  # fmt: skip
    finish(world, result)
    points = [point for action in actions(world, PointsLogged) for point in action.points]
    gains = {point.key: point.value for point in points if point.key.startswith("gain")}
    assert gains == {"gain": 0.1, "gain_low": -0.2, "gain_sensitivity_0.90": 0.25}
    closed = {action.run: action.tags for action in actions(world, RunClosed)}
    said = {"mlflow.note.content": verdict_sentence(result, 0.95)}
    assert closed["arm/real"] == {"verdict": "helps", "judged_on": "tuning set"} | said
    assert closed["arm/none"] == {}
    assert [action.tags for action in actions(world, TagsSet) if action.run == "study"] == [said]


def test_the_base_score_is_the_baselines_where_a_search_begins_above_it(world):
    def arm(multiple, scores):
        history = [HistoryEntry(multiple=k, score=one, scores=[one]) for k, one in scores.items()]
        return ArmResult(
            multiple=multiple, n_train=2, score=max(scores.values()), stopped_at=None, reason=None,
            history=history, test={}, external=None, gain=None,
        )  # fmt: skip

    arms = {"real": arm(1, {1: 0.875}), "search": arm(3, {2: 0.5, 3: 0.75})}
    finish(world, StudyResult(study="s", baseline="real", arms=arms, verdict=None, seconds={}))
    points = [point for action in actions(world, PointsLogged) for point in action.points]
    base = {point.run: point.value for point in points if point.key == "score_base"}
    assert base == {"arm/real": 0.875, "arm/search": 0.875}


@pytest.mark.parametrize(
    ("experiment", "name"), [(None, "real"), ("tiny", "real"), ("shared", "tiny: real")]
)
def test_runs_of_studies_that_share_an_experiment_are_told_apart(
    ready, monkeypatch, experiment, name
):
    monkeypatch.setattr("augsearch.tracking.tracker.Courier", Nobody)
    world = ready(name="tiny", tracking={"uri": DEAD, "experiment": experiment})
    mirror = Mirror(world.study, world.directory, silent)
    mirror.start({})
    mirror.trial("real", Evaluation(1.0, 0.5, (0.5, 0.5)), [(0, 0), (0, 1)], 0)
    names = {action.run: action.name for action in actions(world, RunOpened)}
    assert names["arm/real"] == name
    assert names["arm/real/fold 0, replicate 1"] == "fold 0, replicate 1"


def audit(source, verdict):
    nothing = {"value": None, "floor": None}
    return AuditResult.model_validate(
        {"source": source, "fold": 0, "features": "pixels", "images": {"a": 4}, "identical": 2}
        | {"copies": {}, "pairs": [], "variety": [], "score": None, "verdict": verdict}
        | {"kid": nothing, "density": nothing, "coverage": nothing, "reasons": ["look"]}
    )


def test_arms_and_study_are_tagged_with_the_worst_audit_of_their_sources(ready, monkeypatch):
    monkeypatch.setattr("augsearch.tracking.tracker.Courier", Nobody)
    world = ready(
        tracking={"uri": DEAD},
        sources={"good": {"kind": "repeat"}, "bad": {"kind": "repeat"}},
        arms={
            "real": {},
            "fine": {"balance": "good"},
            "both": {"balance": "good", "add": [{"source": "bad", "multiple": 2}]},
            "built": {"base": "both"},
        },
    )
    mirror = Mirror(world.study, world.directory, silent)
    mirror.audited([audit("good", "pass")])
    for _ in range(2):  # those that are there already are told again
        mirror.audited([audit("good", "pass"), audit("bad", "fail")])
    tags = {}
    for action in actions(world, TagsSet):
        tags.setdefault(action.run, []).append(action.tags["audit"])
    assert tags == {
        "source/good/0": ["pass"],
        "source/bad/0": ["fail"],
        "study": ["pass", "fail"],
        "arm/fine": ["pass"],
        "arm/both": ["pass", "fail"],
        "arm/built": ["pass", "fail"],
    }
    points = [point for action in actions(world, PointsLogged) for point in action.points]
    assert {(one.run, one.key, one.value) for one in points} == {
        ("source/good/0", "audit_identical", 2),
        ("source/bad/0", "audit_identical", 2),
    }


def test_an_arms_run_has_the_figures_that_show_it():
    names = ("gains", "roc-test", "search-a", "metrics-a", "search-a-b", "ms-ssim-a-b")
    paths = [Path(f"figures/{name}.svg") for name in names]
    arms = ["a", "a-b", "real"]
    shown = {arm: {path.stem for path in arm_figures(arm, arms, paths)} for arm in arms}
    common = {"gains", "roc-test"}
    assert shown["a"] == common | {"search-a", "metrics-a"}
    assert shown["a-b"] == common | {"search-a-b", "ms-ssim-a-b"}
    assert shown["real"] == common


def test_the_environment_names_the_server_where_the_study_does_not(ready, monkeypatch):
    study, run = ready().study, Path("/runs/one")
    assert tracking_uri(study, run) == "sqlite:////runs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    assert tracking_uri(study, run) == DEAD
    own = study.model_copy(update={"tracking": TrackingOptions(uri="http://host:5000")})
    assert tracking_uri(own, run) == "http://host:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:S3cret@host:5000")
    with pytest.raises(TrackingError, match="must have no password in it but is http://") as caught:
        tracking_uri(study, run)
    assert "S3cret" not in str(caught.value)


def test_a_run_stays_with_the_server_that_it_was_told_to(ready, monkeypatch, tmp_path):
    study, run = ready().study, tmp_path / "one"
    beside = f"sqlite:///{tmp_path}/mlflow.db"
    store = tmp_path / "elsewhere" / "mlflow.db"
    store.parent.mkdir()
    sqlite3.connect(store).execute("CREATE TABLE experiments (name TEXT)").close()
    for uri, then in (
        (beside, beside),
        (DEAD, DEAD),
        (f"sqlite:///{store}", beside),  # as of a run that this one is a copy of
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        Outbox.open(run / "outbox.jsonl", tracking_uri(study, run), "study")
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        assert tracking_uri(study, run) == then
    (run / "outbox.jsonl").write_text('{"destination": {"uri": 7}}\n')
    assert tracking_uri(study, run) == beside


def test_nobody_signs_in_at_a_server_that_the_run_alone_names(ready, monkeypatch):
    told = []
    monkeypatch.setattr(
        "augsearch.controller.mirror.Tracker", lambda *_, foreign, **__: told.append(foreign)
    )
    world = ready(tracking={})
    study, directory = world.study, world.directory
    Mirror(study, directory, silent)
    Outbox.open(directory.outbox, DEAD, "study")
    Mirror(study, directory, silent)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    Mirror(study, directory, silent)
    assert told == [False, True, False]


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_is_refused(ready, uri):
    study = ready().study.model_copy(update={"tracking": TrackingOptions(uri=uri)})
    with pytest.raises(TrackingError, match="must name the file of a SQLite store but is"):
        tracking_uri(study, Path("/runs/one"))
