from functools import partial
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch

from augsearch.controller.planning.costs import Costs
from augsearch.controller.planning.plan import PlannedWork, plan_work
from augsearch.controller.planning.probes import doubled, measured
from augsearch.controller.stages.preparation import equip, read_data
from augsearch.events import silent
from augsearch.study.schema.study import StudyFile

DEVELOP, TEST = 20 + 12, 30  # images that every classifier looks at
ONCE = 60 + 16 + 2 * 0.01  # before its time is measured: to begin, to look, to train on two
STUDY = {
    "name": "small",
    "images": {"size": 8},
    "data": {"kind": "demo", "train": 20, "tune": 12, "test": 30},
    "split": {"method": "given"},
    "sources": {"repeat": {"kind": "repeat"}},
    "arms": {"real": {}},
    "evaluation": {"replicates": 2, "test_replicates": 3},
}


@pytest.fixture
def plan(tmp_path, clock):
    """Give changes of STUDY -> (stage, what) -> planned work."""

    def run(**changes):
        data = read_data(StudyFile.model_validate(STUDY | changes), tmp_path, silent)
        costs = Costs(data, partial(equip, data, tmp_path), tmp_path / "costs")
        return {(one.stage, one.what): one for one in plan_work(data, costs)}

    return run


def features(stage, images, once=0.0):
    seconds = pytest.approx(images + once)
    return PlannedWork(stage, "classifier: features", images, "images", seconds)


def heads(stage, trainings, images):
    seconds = pytest.approx(0.01 * images)
    return PlannedWork(stage, "classifier: heads", trainings, "trainings", seconds)


def test_all_amounts_of_a_list_are_certain_and_the_last_is_tested(plan):
    arms = {
        "real": {},
        "list": {"search": {"source": "repeat", "rule": "sweep", "per_class": [0, 5, 10]}},
        "later": {"base": "list", "add": [{"source": "repeat", "added": 4}]},
    }
    found = plan(arms=arms)
    searched, tested = 2 * (20 + (20 + 30 + 40) + 44), 3 * (20 + 40 + 44)
    assert list(found.values()) == [
        # "later" takes the list's images and goes on behind them.
        features("search", DEVELOP + 2 * 24, ONCE),
        heads("search", 2 * 5, searched),
        features("test", TEST + 3 * 24),
        heads("test", 3 * 3, tested),
    ]


@pytest.mark.parametrize(
    ("tune", "settings"),
    [
        ({"parameters": {"head.epochs": [1, 2, 3], "head.batch_size": [8, 16]}}, 6),
        (
            {
                "method": "tpe",
                "trials": 7,
                "parameters": {"head.epochs": {"low": 1, "high": 9}, "head.batch_size": [8, 16]},
            },
            7,
        ),
    ],
)
def test_every_setting_is_trained_but_sees_the_same_images(plan, tune, settings):
    search = {"source": "repeat", "rule": "sweep", "multiples": [2, 3]}
    found = plan(tune=tune | {"replicates": 4}, arms={"real": {}, "list": {"search": search}})
    trained = 2 * (20 + 40 + 60) + settings * 4 * (20 + 40)
    searched = found["search", "classifier: heads"]
    assert searched == heads("search", 2 * 3 + settings * 4 * 2, trained)
    # Added at most: 2 x 40 in the search, 4 x 20 in the tuning.
    assert found["search", "classifier: features"].amount == DEVELOP + max(2 * 40, 4 * 20)


def test_everything_of_a_folder_can_be_planned_before_it_is_read(plan, tmp_path):
    for name in ("clear", "fluid"):
        (tmp_path / name).mkdir()
    arms = {"real": {}, "made": {"real": 0, "add": [{"source": "f", "everything": True}]}}
    sources = {"f": {"kind": "folder", "path": str(tmp_path)}}
    found = plan(sources=sources, arms=arms)
    stages = {"audit": 2, "search": 2 * 2, "test": 3 * 2}
    assert {name: found[name, "classifier: heads"].amount for name in stages} == stages


def test_every_classifier_has_its_own_line(plan):
    arms = {"real": {}, "more": {"balance": "repeat"}, "other": {"classifier": "other"}}
    found = plan(arms=arms, classifiers={"other": {"backbone": "resnet18"}})
    amounts = {key: found[key].amount for key in found if key[1].endswith("heads")}
    assert amounts == {
        ("search", "classifier: heads"): 2 * 2,
        ("test", "classifier: heads"): 2 * 3,
        ("search", "other: heads"): 2,
        ("test", "other: heads"): 3,
    }


class Stepping:
    """Stands in for a generator: 67 s the first time, then 2 s an iteration."""

    def __init__(self, clock):
        self.clock, self.steps = clock, 0
        self.players = SimpleNamespace(sampled=self, discriminator=self)

    def step(self, iteration, rng):
        self.clock.now += 2.0 if self.steps else 67.0
        self.steps += 1
        return torch.zeros(2)


class Drawing:
    """Stands in for its pool: half a second an image."""

    def __init__(self, generator, *_):
        self.clock = generator.clock

    def images(self, label, start, stop):
        self.clock.now += 0.5 * (stop - start)


ACGAN = {"kind": "acgan", "generator_filters": [4, 4], "discriminator_filters": [4, 4]}


@pytest.fixture
def stepping(clock, monkeypatch):
    made = []

    def create(options, train, seed, device):
        made.append(Stepping(clock))
        return made[-1]

    import_module("augsearch.sources.generators.fitting")  # holds the true one from now on
    monkeypatch.setattr("augsearch.gan.create.create_gan", create)
    monkeypatch.setattr("augsearch.sources.generators.pool.GeneratorPool", Drawing)
    return made


def test_a_generator_is_trained_on_the_arm_that_it_names(plan, stepping):
    gan = ACGAN | {"epochs": 10, "batch_size": 8}
    arms = {
        "real": {},
        "list": {"search": {"source": "repeat", "rule": "sweep", "multiples": [1, 3]}},
        "gans": {"add": [{"source": name, "multiple": 2} for name in ("on-real", "on-list")]},
    }
    sources = {"repeat": {"kind": "repeat"}, "on-real": gan, "idle": gan}
    found = plan(sources=sources | {"on-list": gan | {"train_on": "list"}}, arms=arms)
    # 10 epochs of 20 images, and of the list's largest set, 60, in batches of 8
    expected = {"on-real": 10 * 3, "on-list": 10 * 8}
    assert [found[key] for key in found if key[0] == "sources"] == [
        PlannedWork("sources", f"source {name}", n, "iterations", pytest.approx(2.0 * n))
        for name, n in expected.items()
    ]
    # Few, each of them for seconds; another length and other images are no other networks.
    assert [one.steps for one in stepping] == [1 + 1]
    # The audit looks at 200 images of each class, more than the search: 2 x 20; the test at others.
    drawn = {key: found[key] for key in found if key[1] == "images of on-real"}
    assert drawn == {
        (stage, what): PlannedWork(stage, what, n, "images", pytest.approx(0.5 * n))
        for stage, n in (("audit", 2 * 200), ("test", 3 * 20))
        for what in ["images of on-real"]
    }


def test_generators_that_are_trained_several_times_are_counted_so(plan, stepping):
    found = plan(
        sources={"gan": ACGAN | {"iterations": 500}},
        arms={"real": {}, "more": {"balance": "gan"}},
        evaluation={"test_replicates": 6, "generator_replicates": 3},
    )
    assert found["sources", "source gan"].amount == 500
    assert found["generators", "source gan"].amount == 2 * 500
    assert len(stepping) == 1


def test_of_what_may_not_be_trained_again_the_plan_says_at_most(plan, stepping):
    search = {"source": "gan", "rule": "sweep", "multiples": [1, 2]}
    found = plan(
        sources={"gan": ACGAN | {"iterations": 500}, "idle": ACGAN | {"iterations": 500}},
        arms={"real": {}, "fixed": {"balance": "idle"}, "list": {"search": search}},
        evaluation={"test_replicates": 6, "generator_replicates": 3},
    )
    again = [work for (stage, _), work in found.items() if stage == "generators"]
    assert [(one.what, one.amount) for one in again] == [("source gan, at most", 2 * 500)]


def test_a_discriminator_is_not_trained_to_the_end_for_an_estimate(plan, stepping):
    arms = {"real": {}, "critic": {"classifier": "critic"}}
    found = plan(
        arms=arms,
        sources={"gan": ACGAN | {"iterations": 30_000}},
        classifiers={"critic": {"kind": "discriminator", "source": "gan"}},
    )
    for stage, trainings in {"search": 2, "test": 3}.items():
        seconds = pytest.approx(2.0 * trainings * 30_000)
        assert found[stage, "critic"] == PlannedWork(
            stage, "critic", trainings, "trainings", seconds
        )
    assert [one.steps for one in stepping] == [1 + 1]


def test_an_end_to_end_training_is_measured_by_one_epoch(plan, clock, monkeypatch):
    made = []

    class OneAtATime(clock.Slow):
        fits_together = False

    def create(options, **_):
        made.append(options)
        return OneAtATime(clock)

    monkeypatch.setattr("augsearch.controller.stages.preparation.create_classifier", create)
    table = {"kind": "end-to-end", "network": "roglin2022", "epochs": 40, "patience": 3}
    found = plan(classifier=table)
    assert [(one.epochs, one.patience) for one in made] == [(40, 3), (1, None)]
    looking = 12  # at the tuning images, after every epoch
    assert list(found.values()) == [
        PlannedWork(
            *(stage, "classifier", trainings, "trainings"),
            pytest.approx(trainings * 40 * (20 * 0.01 + looking)),
        )
        for stage, trainings in {"search": 2, "test": 3}.items()
    ]


def test_a_measurement_tells_what_is_done_once_from_what_grows(clock):
    def work(size):
        clock.now += 5 + 0.25 * size

    line = measured(work, doubled(4))
    assert (line.fixed, line.slope) == (pytest.approx(5), pytest.approx(0.25))
    assert line(100) == pytest.approx(30)


def test_a_measurement_ends_soon_but_not_before_there_are_two(clock):
    sizes = []

    def work(size):
        sizes.append(size)
        clock.now += 0.01 * size

    measured(work, doubled(1))
    assert sizes == [1, 2, 4, 8, 16]  # 0.16 s
    sizes.clear()
    measured(work, doubled(1000))
    assert sizes == [1000, 2000]
    assert doubled(3, 13) == [3, 6, 12]
    assert doubled(3, 1) == [3, 6]


def test_work_that_seems_to_shrink_is_taken_as_proportional(clock):
    times = iter([3.0, 2.0])

    def work(size):
        clock.now += next(times)

    line = measured(work, [10, 20])
    assert (line.fixed, line.slope) == (0, 0.1)
