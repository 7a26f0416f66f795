import json
import os
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from augsearch.controller.planning import costs as module
from augsearch.controller.planning.costs import Costs
from augsearch.controller.planning.probes import GeneratorCost, ToolsCost
from augsearch.controller.stages.preparation import equip, read_data
from augsearch.events import silent
from augsearch.files import read_json, write_json
from augsearch.study.schema import tables
from augsearch.study.schema.classifier import CLASSIFIER_PLUGINS
from augsearch.study.schema.study import StudyFile

STUDY = {
    "name": "small",
    "images": {"size": 8},
    "data": {"kind": "demo", "train": 20, "tune": 12, "test": 30},
    "split": {"method": "given"},
    "sources": {"gan": {"kind": "acgan"}},
    "classifier": {"kind": "frozen", "weights": "random"},
    "arms": {"real": {}, "more": {"balance": "gan"}},
}


@pytest.fixture
def load(monkeypatch):
    """The machine's load; it can be set."""
    load = {"now": 0.5}
    monkeypatch.setattr(module, "_load", lambda: load["now"])
    return load


@pytest.fixture
def costs(tmp_path, clock, load, monkeypatch):
    """Give changes of STUDY -> the costs of a new `check`, which notes what it has to measure."""
    data = {}

    def generator(prepared, options):
        measured.append(options.kind)
        return GeneratorCost(0.5 * len(measured), 0.25)

    def new(**changes):
        study = StudyFile.model_validate(STUDY | changes)
        if not data:
            data["read"] = read_data(study, tmp_path / "run", silent)
        read = module.StudyData(**(vars(data["read"]) | {"study": study}))

        def prepare():
            measured.append("prepared")
            clock.now += 4
            return equip(read, tmp_path / "run")

        return Costs(read, prepare, tmp_path / "costs")

    monkeypatch.setattr(module, "measure_generator", generator)
    measured = new.measured = []
    return new


def ask(costs, name="classifier", trainings=10, size=40):
    """Ask for the generator's and a classifier's cost."""
    return costs.generator(costs._data.study.sources["gan"]), costs.classifier(
        name, trainings, size
    )


def files(tmp_path):
    return sorted((tmp_path / "costs").iterdir())


def test_what_was_measured_is_known_to_the_next(costs):
    first = costs()
    measured = ask(first)
    assert costs.measured == ["prepared", "acgan", "prepared"]
    assert first.oldest is None
    costs.measured.clear()
    again = costs()
    assert ask(again) == ask(again) == measured
    assert costs.measured == []
    assert timedelta() < datetime.now(UTC) - again.oldest < timedelta(minutes=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": {"gan": {"kind": "acgan", "iterations": 7, "snapshot_every": 3}}},
        {"arms": {"real": {}, "search": {"search": {"source": "gan"}}}},
        {"evaluation": {"replicates": 9}},
        {"seed": 4},
    ],
)
def test_more_or_less_of_the_same_work_is_not_measured_again(costs, changes):
    before = ask(costs())
    costs.measured.clear()
    assert ask(costs(**changes), trainings=9, size=44) == before
    assert costs.measured == []


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"sources": {"gan": {"kind": "acgan", "width": 2}}}, ["prepared", "acgan"]),
        ({"classifier": STUDY["classifier"] | {"backbone": "resnet18"}}, ["prepared"]),
        ({"classifier": STUDY["classifier"] | {"head": {"epochs": 7}}}, ["prepared"]),
        ({"device": "cpu"}, ["prepared", "acgan", "prepared"]),
    ],
)
def test_other_work_is_measured(costs, changes, again, monkeypatch):
    monkeypatch.setattr("augsearch.device.pick_device", lambda name: "cpu")
    ask(costs())
    costs.measured.clear()
    ask(costs(**changes))
    assert sorted(costs.measured) == sorted(again)


@pytest.mark.parametrize(("trainings", "size"), [(10, 80), (30, 40)])
def test_much_more_at_once_is_measured(costs, trainings, size):
    ask(costs())
    costs.measured.clear()
    ask(costs(), trainings=trainings, size=size)
    assert costs.measured == ["prepared"]


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"])
def test_another_number_of_threads_or_gpus_is_measured(costs, monkeypatch, variable):
    ask(costs())
    costs.measured.clear()
    monkeypatch.setenv(variable, "1" if os.environ.get(variable) != "1" else "2")
    ask(costs())
    assert "acgan" in costs.measured


@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        ({"at": timedelta(hours=-23)}, True),
        ({"at": timedelta(hours=-25)}, False),
        ({"at": timedelta(hours=1)}, False),  # a clock went wrong
        ({"load": 0.2}, True),
        ({"load": -0.3}, False),
        ({"load": 0.3}, False),
    ],
)
def test_it_is_known_for_a_day_on_a_machine_as_busy(costs, tmp_path, load, change, is_known):
    ask(costs())
    costs.measured.clear()
    load["now"] += change.get("load", 0)
    for path in files(tmp_path):
        kept = read_json(path)
        at = datetime.now(UTC) + change["at"] if "at" in change else None
        write_json(path, kept | ({"at": at.isoformat()} if at else {}))
    ask(costs())
    assert (costs.measured == []) is is_known
    costs.measured.clear()
    ask(costs())
    assert costs.measured == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"at": 1}', b'{"at": "2026-01-01T00:00:00+00:00", "load": 0, "cost": {}}'],
)
def test_a_damaged_measurement_is_made_again(costs, tmp_path, content):
    ask(costs())
    for path in files(tmp_path):
        path.write_bytes(content)
    costs.measured.clear()
    anew = ask(costs())
    assert costs.measured == ["prepared", "acgan", "prepared"]
    assert ask(costs()) == anew


def test_a_measurement_that_lacks_a_number_is_made_again(costs, tmp_path):
    ask(costs())
    for path in files(tmp_path):
        kept = read_json(path)
        write_json(path, kept | {"cost": dict(list(kept["cost"].items())[1:])})
    costs.measured.clear()
    ask(costs())
    assert "acgan" in costs.measured
    assert costs.measured.count("prepared") == 2


def test_old_measurements_are_let_go(costs, tmp_path):
    first = costs()
    first.generator(first._data.study.sources["gan"])
    (old,) = files(tmp_path)
    ask(first)
    (recent,) = {*files(tmp_path)} - {old}
    os.utime(old, (1e9, 1e9))
    ask(costs(sources={"gan": {"kind": "acgan", "width": 2}}))
    assert not old.exists()
    assert recent.exists()


def test_where_nothing_can_be_kept_it_is_measured_each_time(costs, tmp_path):
    (tmp_path / "costs").write_text("a file in the folder's place")
    for _ in range(2):
        ask(costs())
    assert costs.measured.count("acgan") == 2


def test_weights_that_were_changed_are_measured(costs, tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"one")
    table = {"classifier": {"kind": "frozen", "weights": str(weights)}}
    ask(costs(**table))
    costs.measured.clear()
    ask(costs(**table))
    assert costs.measured == []
    weights.write_bytes(b"another")
    ask(costs(**table))
    assert costs.measured == ["prepared"]


def test_a_plugin_is_measured_each_time(costs, monkeypatch):
    known = EntryPoints([EntryPoint("mine", "package:Mine", CLASSIFIER_PLUGINS)])
    monkeypatch.setattr(tables, "entry_points", lambda group: known.select(group=group))
    table = {"classifier": {"kind": "mine", "options": {}}}
    for _ in range(2):
        costs.measured.clear()
        ask(costs(**table))
        assert costs.measured[-1] == "prepared"


def test_nothing_of_the_images_is_kept(costs, tmp_path):
    ask(costs())
    for path in files(tmp_path):
        assert set(json.loads(path.read_text())) <= {"at", "load", "cost", "crc32"}


def test_what_loading_takes_is_known_too(costs):
    assert costs().tools() == costs().tools() == ToolsCost(4.0)
    assert costs.measured == ["prepared"]
    costs(classifier=STUDY["classifier"] | {"backbone": "resnet18"}).tools()
    assert costs.measured == ["prepared"] * 2


def test_a_discriminator_is_built_anew_of_another_kind_of_source(costs):
    table = {"classifier": {"kind": "discriminator", "source": "gan"}}
    for sources in (STUDY["sources"], {"gan": {"kind": "dcgan"}}, STUDY["sources"]):
        costs(**table, sources=sources).tools()
    assert costs.measured == ["prepared"] * 2
