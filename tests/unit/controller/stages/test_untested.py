import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.controller.outcome.results import study_result
from augsearch.controller.planning.check import check_study
from augsearch.controller.stages.answer import declare
from augsearch.controller.stages.generator_replicates import Generations
from augsearch.controller.stages.untested import judge_on_tuning_set
from augsearch.data.splits import summary
from augsearch.errors import AugsearchError
from augsearch.evaluation.inference.max_t import ON_TUNING, max_t
from augsearch.seeds import Seed

UNTESTED = {
    "data": {"kind": "demo", "train": 40, "tune": 30, "test": 10},
    "external": None,
    "split": {"train": 0.5, "tune": 0.5, "test": 0.0},
}
CLASSIC = {"sources": {"classic": {"kind": "classic"}}}
SEARCH = {"source": "classic", "rule": "sweep", "multiples": [1, 2, 3]}
NOISY = {"kind": "frozen", "head": {"kind": "adam", "learning_rate": 3.0}}


@pytest.fixture
def judged(ready, search):
    """Give changes of the untested study -> (world, searched arms, outcome)."""

    def run(**changes):
        world = ready(**(UNTESTED | CLASSIC | changes))
        searched = search(world, *world.study.arms)
        declaration = declare(searched, world.prepared, world.directory)
        return world, searched, judge_on_tuning_set(declaration, searched, world.prepared)

    return run


def auc(arm, amount):
    labels = arm.score.folds[0].tune.labels
    [outputs] = arm.tuning_outputs(amount)
    return np.mean([roc_auc_score(labels, one[:, 1]) for one in outputs])


def test_the_gain_is_that_of_the_search_and_the_interval_holds_for_every_amount(judged):
    arms = {"real": {}, "twice": {"add": [{"source": "classic", "multiple": 2}]}}
    arms["search"] = {"search": SEARCH | {"multiples": [2, 3, 4]}}
    world, searched, outcome = judged(arms=arms)
    assert outcome.files == {}
    chosen = searched["search"].multiple
    base = auc(searched["real"], 1)
    assert outcome.answer.arm == "search"
    assert outcome.answer.gain == pytest.approx(auc(searched["search"], chosen) - base)
    assert outcome.gains["twice"].gain == pytest.approx(auc(searched["twice"], 2) - base)
    assert outcome.answer.low < outcome.answer.gain < outcome.answer.high
    # K = 2 of arm search is the training set of arm twice: one candidate, not two.
    assert outcome.answer.note.startswith(f"{ON_TUNING}; the interval holds for all 3 candidates")
    written = {path.name for path in world.directory.path.iterdir()}
    assert "declaration.json" in written
    assert "test_opened.json" not in written


def test_intervals_count_patients(judged):
    arms = {"real": {}, "search": {"search": SEARCH | {"multiples": [3]}}}
    _, searched, outcome = judged(arms=arms)
    tune = searched["real"].score.folds[0].tune
    assert len(np.unique(tune.patients)) < len(tune.labels)
    outputs = [searched[name].tuning_outputs(k)[0] for name, k in (("real", 1), ("search", 3))]
    ses = [
        max_t(tune.labels, np.stack(outputs), 0, 0.95, Seed.of(0), patients=patients).se[1]
        for patients in (tune.patients, None)
    ]
    assert outcome.gains["search"].se == pytest.approx(ses[0])
    assert ses[0] != pytest.approx(ses[1], rel=1e-3)


@pytest.mark.parametrize(("others", "low", "high"), [(0, 1.9, 2.03), (8, 2.06, 2.8)])
def test_more_candidates_make_the_interval_wider(judged, others, low, high):
    arms = {"real": {}, "search": {"search": SEARCH | {"multiples": [3]}}}
    arms |= {f"a{k}": {"add": [{"source": "classic", "multiple": 4 + k}]} for k in range(others)}
    gain = judged(arms=arms)[2].gains["search"]
    assert low < (gain.high - gain.low) / (2 * gain.se) < high


def test_the_baselines_own_set_is_no_evidence(judged):
    arms = {"real": {}, "search": {"search": SEARCH | {"multiples": [1]}}}
    answer = judged(arms=arms)[2].answer
    assert (answer.label, answer.gain, answer.low, answer.high) == ("no evidence", 0, 0, 0)
    assert "baseline's own training set" in answer.note


def test_arms_of_another_classifier_are_no_candidates(judged):
    arms = {"real": {}, "search": {"search": SEARCH}, "other": {"classifier": "noisy"}}
    _, searched, outcome = judged(arms=arms, classifiers={"noisy": NOISY})
    assert outcome.gains.keys() == {"search"}
    assert "all 2 candidates" in outcome.gains["search"].note or searched["search"].multiple == 1


def test_unless_there_is_no_other_arm_to_declare(judged):
    arms = {"real": {}, "other": {"classifier": "noisy"}}
    answer = judged(arms=arms, classifiers={"noisy": NOISY})[2].answer
    classifiers = "arm 'other' has another classifier than arm 'real'"
    assert (answer.arm, answer.note.split("; ")[0]) == ("other", ON_TUNING)
    assert answer.note.split("; ")[1].startswith(classifiers)


def test_amounts_that_were_trained_more_often_are_compared_by_their_first_trainings(judged):
    halving = {"source": "classic", "rule": "halving", "max_multiple": 12}
    _, searched, outcome = judged(arms={"real": {}, "search": {"search": halving}})
    arm = searched["search"]
    trained = {len(arm.tuning_outputs(entry.multiple)[0]) for entry in arm.found.history}
    assert len(trained) > 1
    chosen = arm.multiple
    labels = arm.score.folds[0].tune.labels
    first = [
        np.mean([roc_auc_score(labels, one[:, 1]) for one in outputs[0][:2]])
        for outputs in (arm.tuning_outputs(chosen), searched["real"].tuning_outputs(1))
    ]
    assert outcome.gains["search"].gain == pytest.approx(first[0] - first[1])


def test_the_result_says_what_was_judged(judged):
    world, searched, outcome = judged(arms={"real": {}, "search": {"search": SEARCH}})
    once = Generations([searched["real"].score.folds])
    result = study_result(world.directory, world.prepared, searched, outcome, None, {}, once)
    assert result.judged_on == "tuning"
    assert [arm.test for arm in result.arms.values()] == [{}, {}]
    assert [arm.external for arm in result.arms.values()] == [None, None]
    assert result.arms["search"].gain.value == result.verdict.gain
    assert json.loads(result.model_dump_json())["judged_on"] == "tuning"


def test_there_are_no_test_images_and_no_fresh_trainings(ready, clock):
    world = ready(**UNTESTED)
    prepared = world.prepared
    assert prepared.test is None
    assert prepared.data_fingerprint["test"] is None
    assert {row.part for row in summary(prepared.dataset, prepared.split)} == {"train", "tune"}
    plan = {one.what: one.amount for one in check_study(world.study, lambda _: None).plan}
    assert plan["classifier: heads"] == world.study.evaluation.replicates


def test_metrics_of_two_classes_are_refused_before_anything_is_trained(ready):
    digits = {"data": {"kind": "digits"}, "external": None, "split": {}}
    for metrics in (
        {"evaluation": {"endpoints": ["sensitivity@0.9"]}},
        {"report": {"tables": {"t": {"title": "T", "metrics": ["sensitivity@0.9"]}}}},
    ):
        with pytest.raises(AugsearchError, match="with 2 classes but there are 10"):
            ready(**digits, **metrics)
