"""A run knows what computed it, be it more than one environment."""

from unittest import mock

from augsearch.controller.outcome import facts
from augsearch.controller.outcome.facts import all_facts, first_facts
from augsearch.events import silent


def told(world, **versions):
    """What a process finds with other versions of some libraries, and its warnings."""
    warned = []
    with mock.patch.object(facts, "version", lambda name: versions.get(name, "1")):
        first = first_facts(world.directory, world.prepared)
        found = all_facts(world.directory, world.prepared, warned.append)
    return first, found, [one.message for one in warned]


def test_a_run_that_goes_on_with_other_versions_says_so_once_and_keeps_them_all(ready):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    first, found, warned = told(world, torch="2.11.0", numpy="2.0.0")
    assert first == found and not warned
    assert found["version.torch"] == "2.11.0"
    assert {"device", "bf16", "threads", "data.fingerprint", "version.python"} < set(found)

    for _ in range(2):  # the same environment twice: killed again
        again, later, said = told(world, torch="2.14.1", numpy="2.0.0")
        warned += said
        assert again == first  # MLflow takes a parameter once
        assert later == first | {"version.torch": "2.11.0 then 2.14.1"}
    assert len(warned) == 1
    assert "computed with torch 2.11.0 and goes on with torch 2.14.1" in warned[0]
    assert "--fresh" in warned[0]

    _, back, said = told(world, torch="2.11.0", numpy="2.4.6")
    assert back["version.torch"] == "2.11.0 then 2.14.1 then 2.11.0"
    assert back["version.numpy"] == "2.0.0 then 2.4.6"
    assert "with torch 2.14.1, numpy 2.0.0 and goes on with torch 2.11.0, numpy 2.4.6" in said[0]


def test_another_mlflow_is_kept_but_changes_no_number(ready):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    told(world, mlflow="3.15.0")
    _, found, warned = told(world, mlflow="3.17.2")
    assert found["version.mlflow"] == "3.15.0 then 3.17.2"
    assert not warned


def test_a_finished_run_keeps_its_versions(ready, monkeypatch):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    begun, _, _ = told(world, torch="2.11.0")
    monkeypatch.setattr(type(world.directory), "results", object())
    first, found, warned = told(world, torch="2.14.1")
    assert begun == first == found and not warned


def test_a_run_that_was_finished_before_versions_were_kept_has_none(ready, monkeypatch):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    monkeypatch.setattr(type(world.directory), "results", object())
    found = all_facts(world.directory, world.prepared, silent)
    assert found == {"version.augsearch": "(version not recorded)"}
