"""What is counted before a run is what the run then does."""

import sys
from collections import Counter
from types import ModuleType

import numpy as np
import pytest

from augsearch.controller.planning.workload import asked_amounts, workload
from augsearch.controller.run import run_in
from augsearch.events import silent
from augsearch.search import find_optimal_multiple
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.study.schema.study import StudyFile

STUDY = {
    "name": "small",
    "images": {"size": 8},
    "data": {"kind": "demo", "train": 20, "tune": 12, "test": 30},
    "split": {"method": "given"},
    "sources": {"repeat": {"kind": "repeat"}},
    "audit": {"enabled": False},
    "evaluation": {"replicates": 2, "test_replicates": 3},
}
REAL = (12, 8)


def counted(counts=(REAL,), **changes):
    """The only classifier's load."""
    [load] = workload(StudyFile.model_validate(STUDY | changes), counts).loads.values()
    return load


def searching(rule, source="repeat", **options):
    return {"real": {}, "arm": {"search": {"source": source, "rule": rule} | options}}


@pytest.mark.parametrize("rule", [Halving(), Halving(9, True), Halving(2), TpeRule(9, trials=7)])
def test_a_rule_with_a_known_end_asks_as_often_whatever_the_scores(rule):
    rng = np.random.default_rng(0)
    for _ in range(3):
        found = find_optimal_multiple(lambda k: rng.normal(0.8, 0.05), rule=rule)
        assert len(asked_amounts(rule, rising=True)) == len(found.history)


def test_scores_that_rise_take_a_rule_to_its_largest_amounts():
    asked = asked_amounts(Halving(), rising=True)
    assert asked[:12] == list(Halving().multiples)
    assert asked[12:] == [11, 15, 20, 28, 40, 60, *[28, 40, 60] * 2]
    assert asked_amounts(Sweep((0, 500, 1e6)), rising=True) == [0, 500, 1e6]
    assert asked_amounts(SlidingWindow(2, start=2, step=0.5), rising=False) == [2, 2.5, 3]
    assert asked_amounts(SlidingWindow(4, max_multiple=3), rising=False) == [1, 2, 3]


def test_every_round_of_halving_is_counted_with_its_own_images():
    load = counted(arms=searching("halving", max_multiple=3))
    # K = 1, 2, 3 in a first and a second round; all three go on for a third and a fourth
    assert load.trainings == 2 + 2 * 4 * 3 + 3 * 2
    assert load.images == 20 * (2 + 2 * 4 * (1 + 2 + 3) + 3 * (1 + 3))
    # Replicates of later rounds draw from stretches of their own.
    assert load.added == {(0, "repeat", False): 2 * 4 * 2 * 20, (0, "repeat", True): 3 * 2 * 20}


def test_what_a_finished_run_took_is_counted_instead_of_the_least():
    arms = searching("sliding-window", window=2)
    study = StudyFile.model_validate(STUDY | {"arms": arms})
    took = {"real": ([1.0], 1.0), "arm": ([1.0, 2.0, 3.0, 4.0], 2.0)}
    [load] = workload(study, [REAL], took).loads.values()
    searched, tested = load.stages["search"], load.stages["test"]
    assert (searched.trainings, searched.images) == (2 * 5, 2 * 20 * (1 + 1 + 2 + 3 + 4))
    assert (tested.trainings, tested.images) == (3 * 2, 3 * 20 * (1 + 2))
    assert searched.added == {"repeat": 2 * 3 * 20}
    assert tested.added == {"repeat": 3 * 20}


def test_images_count_for_the_stage_that_needs_them_first(made):
    arms = searching("sweep", "made", multiples=[3])
    load = counted(sources=made, arms=arms, audit={"images_per_class": 30})
    assert {stage: share.added["made"] for stage, share in load.stages.items()} == {
        "audit": 60,
        "search": 2 * 2 * 20 - 60,
        "test": 3 * 2 * 20,
    }


def test_every_trial_of_tpe_is_counted():
    load = counted(arms=searching("tpe", max_multiple=4, trials=9), seed=3)
    assert load.trainings == 2 * (1 + 9) + 3 * 2
    times = Counter(asked_amounts(TpeRule(4, trials=9, seed=3), rising=True))
    assert load.images == 20 * (2 + 3 + 2 * sum(k * n for k, n in times.items()) + 3 * max(times))


@pytest.fixture
def made(monkeypatch):
    """A source of another's making, which is therefore audited."""
    module = ModuleType("drawn_for_work")

    def draw(train, seed):
        def images(label, start, stop):
            random = np.random.default_rng((seed, label, start))
            return random.integers(0, 256, (stop - start, *train.pixels.shape[1:]), dtype=np.uint8)

        return images

    module.draw = draw
    monkeypatch.setitem(sys.modules, "drawn_for_work", module)
    return {"made": {"kind": "callable", "function": "drawn_for_work:draw"}}


def test_an_audit_looks_at_its_images_and_trains_twice(made):
    arms = searching("sweep", "made", multiples=[3])
    plain = counted([REAL, (4, 5)], sources=made, arms=arms)
    audit = {"images_per_class": 30}
    load = counted([REAL, (4, 5)], sources=made, arms=arms, audit=audit)
    assert load.trainings == plain.trainings + 2 * 2
    assert load.images == plain.images + 2 * (20 + 9)
    assert plain.added[0, "made", False] == 2 * 2 * 20  # holds those of the audit already
    assert load.added == plain.added | {
        (0, "made", False): 2 * 2 * 20,
        (1, "made", False): 60,  # more than the 2 * 2 * 9 of the search
    }


def test_an_audit_is_made_with_the_studys_own_classifier(made):
    arms = {"other": {"classifier": "other", "balance": "made"}, "real": {}}
    study = StudyFile.model_validate(
        STUDY | {"sources": made, "arms": arms, "classifiers": {"other": {}}, "audit": {}}
    )
    loads = workload(study, [REAL]).loads
    assert loads["classifier"].trainings == 2 + 3 + 2
    assert loads["other"].trainings == 2 + 3


GAN = {"kind": "acgan", "iterations": 100}
BALANCED = {"balance": "gan"}


@pytest.mark.parametrize(
    ("arms", "again", "at_most"),
    [
        # "third" draws from another generator, but the verdict is about a searched arm.
        (searching("sweep", "gan", multiples=[2, 3]) | {"third": {"balance": "b"}}, ["gan"], False),
        # At K = 1 no image of it is added.
        (searching("sweep", "gan", multiples=[1, 3]), ["gan"], True),
        (searching("sliding-window", "gan"), ["gan"], True),
        # Whichever of two arms scores better: the one whose generators take longer counts.
        ({"real": {}, "one": BALANCED, "two": {"balance": "long"}}, ["long"], True),
        ({"real": {}, "one": BALANCED, "two": BALANCED | {"classifier": "b"}}, ["gan"], False),
        # Nothing is left to balance, so nothing to judge; else the baseline counts, too.
        ({"base": BALANCED, "one": {"base": "base", "balance": "b"}}, [], False),
        (
            {"base": BALANCED, "one": {"base": "base", "add": [{"source": "b", "multiple": 2}]}},
            ["gan", "b"],
            False,
        ),
        # What it is trained on is trained again, too.
        ({"late": {"balance": "late"}, "real": {}, "one": BALANCED}, ["gan", "late"], False),
        (
            searching("sweep", "late", multiples=[2]) | {"one": BALANCED},
            ["late", "gan"],
            False,
        ),
        ({"real": {}, "one": {"balance": "repeat"}, "two": {"real": 0.5}}, [], False),
        ({"real": {}}, [], False),
    ],
)
def test_only_generators_that_the_verdict_is_about_are_trained_again(arms, again, at_most):
    sources = STUDY["sources"] | {"gan": GAN, "b": GAN, "long": GAN | {"iterations": 300}}
    sources["late"] = GAN | {"train_on": "one" if "one" in arms else "real"}
    evaluation = {"test_replicates": 6, "generator_replicates": 3}
    changes = {
        "sources": sources,
        "arms": arms,
        "baseline": next(iter(arms)),
        "classifiers": {"b": {}},
    }
    study = StudyFile.model_validate(STUDY | changes | {"evaluation": evaluation})
    work = workload(study, [REAL, REAL])
    assert work.again == {name: 2 * work.iterations[name] for name in again}
    assert work.again_at_most == at_most
    once = study.model_copy(
        update={"evaluation": study.evaluation.model_copy(update={"generator_replicates": 1})}
    )
    assert workload(once, [REAL, REAL]).again == {}


ASKED = STUDY["evaluation"] | {"controls": True, "real_equivalence": True}


def test_controls_and_shares_of_the_real_images_are_counted():
    arms = searching("sweep", multiples=[2, 4])
    plain, load = counted(arms=arms), counted(arms=arms, evaluation=ASKED)
    controls, shares = 2 * (2 + 3), 6 * 3
    assert load.trainings == plain.trainings + controls + shares
    # of 12 and 8 images, rounded half up
    real = [4 + 2, 5 + 4, 7 + 5, 9 + 6, 11 + 7, 12 + 8]
    assert load.images == plain.images + controls * 4 * 20 + 3 * sum(real)
    extra = {key: value for key, value in load.added.items() if key not in plain.added}
    assert extra == {
        (0, f"{kind} control", final): (3 if final else 2) * 3 * 20
        for kind in ("repeat", "classic")
        for final in (False, True)
    }


@pytest.mark.parametrize(
    "arms",
    [
        searching("sweep", multiples=[1]),
        {"real": {}, "arm": {"add": [{"source": "repeat", "multiple": 2}]}},
        {"real": {}, "arm": searching("sweep", multiples=[3])["arm"] | {"real": 0}},
    ],
)
def test_controls_that_there_will_not_be_are_not_counted(arms):
    asked = STUDY["evaluation"] | {"controls": True}
    assert counted(arms=arms, evaluation=asked).trainings == counted(arms=arms).trainings


def test_a_whole_run_trains_what_was_counted(ready, made, monkeypatch):
    monkeypatch.setattr("augsearch.controller.run.write_run_report", lambda *_: None)
    monkeypatch.setattr("augsearch.controller.outcome.results._tested", lambda *_: None)
    asked = {"replicates": 1, "test_replicates": 3, "controls": True, "real_equivalence": True}
    world = ready(
        sources=made | {"repeat": {"kind": "repeat"}},
        arms={
            **searching("sweep", "made", multiples=[3]),
            "again": {"base": "arm", "add": [{"source": "repeat", "multiple": 1.5}]},
        },
        audit={"images_per_class": 20},
        evaluation=asked,
    )
    [load] = workload(world.study, world.prepared.counts).loads.values()
    world.directory.path.mkdir(exist_ok=True)
    run_in(world.directory, world.study, "", silent)
    assert load.trainings == len(world.trained)
    assert load.images == sum(len(one) for _, one in world.trained)
