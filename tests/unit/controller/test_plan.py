import pytest

from augsearch.controller.plan import PROBE_ITERATIONS, PlannedWork, plan_work
from augsearch.controller.preparation import prepare
from augsearch.events import Advanced, silent
from augsearch.sources.base import Source
from augsearch.sources.repeat import Repeat
from augsearch.study.schema.study import StudyFile

REAL = 20 + 12 + 30  # images that every classifier looks at
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
    """Give changes of STUDY -> what -> planned work."""

    def run(**changes):
        prepared = prepare(StudyFile.model_validate(STUDY | changes), tmp_path, silent)
        counts = [prepared.train_of(fold).class_counts() for fold in prepared.split.folds]
        return {one.what: one for one in plan_work(prepared, counts, tmp_path / "probes")}

    return run


def features(images):
    return PlannedWork("classifier: features", images, "images", pytest.approx(images))


def heads(trainings, images):
    return PlannedWork(
        "classifier: heads", trainings, "trainings", pytest.approx(0.01 * images, rel=0.01)
    )


def test_all_amounts_of_a_list_are_certain_and_the_last_is_tested(plan):
    arms = {
        "real": {},
        "list": {"search": {"source": "repeat", "rule": "sweep", "per_class": [0, 5, 10]}},
        "later": {"base": "list", "add": [{"source": "repeat", "added": 4}]},
    }
    found = plan(arms=arms)
    trained = 2 * (20 + (20 + 30 + 40) + 44) + 3 * (20 + 40 + 44)
    assert found["classifier: heads"] == heads(2 * 5 + 3 * 3, trained)
    # "later" takes the list's images and goes on behind them.
    assert found["classifier: features"] == features(REAL + 2 * 24 + 3 * 24)


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
    trained = 2 * (20 + 40 + 60) + 3 * (20 + 60) + settings * 4 * (20 + 40)
    assert found["classifier: heads"] == heads(2 * 3 + 3 * 2 + settings * 4 * 2, trained)
    # Added at most: 2 x 40 in the search, 4 x 20 in the tuning; 3 x 40 in the test.
    assert found["classifier: features"] == features(REAL + max(2 * 40, 4 * 20) + 3 * 40)


def test_everything_of_a_folder_can_be_planned_before_it_is_read(plan, tmp_path):
    arms = {"real": {}, "made": {"real": 0, "add": [{"source": "f", "everything": True}]}}
    sources = {"f": {"kind": "folder", "path": str(tmp_path)}}
    assert plan(sources=sources, arms=arms)["classifier: heads"].amount == 2 * 2 + 3 * 2


def test_every_classifier_has_its_own_line(plan):
    arms = {"real": {}, "more": {"balance": "repeat"}, "other": {"classifier": "other"}}
    found = plan(arms=arms, classifiers={"other": {"backbone": "resnet18"}})
    assert found["classifier: heads"].amount == 2 * (2 + 3)
    assert found["other: heads"].amount == 2 + 3


class Stepping(Source):
    """Stands in for a generator: so many seconds an iteration."""

    def __init__(self, options, clock):
        self.options, self.clock = options, clock

    def fit(self, train, context):
        for iteration in range(self.options.iterations + 1):
            context.notify(Advanced(iteration, self.options.iterations, "iterations"))
            self.clock.now += 2.0
        return Repeat().fit(train, context)


ACGAN = {"kind": "acgan", "generator_filters": [4, 4], "discriminator_filters": [4, 4]}


@pytest.fixture
def stepping(clock, monkeypatch):
    made = []

    def create(options):
        made.append(options)
        return Stepping(options, clock)

    monkeypatch.setattr("augsearch.controller.plan.create_source", create)
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
    assert {what for what in found if what.startswith("source")} == {
        f"source {name}" for name in expected
    }
    for name, iterations in expected.items():
        assert found[f"source {name}"] == PlannedWork(
            f"source {name}", iterations, "iterations", pytest.approx(2.0 * iterations)
        )
    assert [one.iterations for one in stepping] == [PROBE_ITERATIONS] * 2


def test_a_discriminator_is_not_trained_to_the_end_for_an_estimate(plan, stepping):
    arms = {"real": {}, "critic": {"classifier": "critic"}}
    found = plan(
        arms=arms,
        sources={"gan": ACGAN | {"iterations": 30_000}},
        classifiers={"critic": {"kind": "discriminator", "source": "gan"}},
    )
    iterations = (2 + 3) * 30_000
    assert found["critic"] == PlannedWork("critic", 5, "trainings", pytest.approx(2.0 * iterations))
    assert [one.iterations for one in stepping] == [PROBE_ITERATIONS]


def test_an_end_to_end_training_is_measured_by_one_epoch(plan, clock, monkeypatch):
    made = []

    class OneAtATime(clock.Slow):
        fits_together = False

    def create(options, **_):
        made.append(options)
        return OneAtATime(clock)

    monkeypatch.setattr("augsearch.controller.preparation.create_classifier", create)
    table = {"kind": "end-to-end", "network": "roglin2022", "epochs": 40, "patience": 3}
    found = plan(classifier=table)
    assert [(one.epochs, one.patience) for one in made] == [(40, 3), (1, None)]
    assert found == {
        "classifier": PlannedWork("classifier", 5, "trainings", pytest.approx(5 * 20 * 40 * 0.01))
    }
