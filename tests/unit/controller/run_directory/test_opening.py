import json

import pytest

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.opening import open_once


@pytest.fixture
def run(tmp_path):
    """Open the test set of a run in one folder -> who had opened it before."""

    def open_it(name, images="same", arm="search", declares=True):
        directory = RunDirectory(tmp_path / name)
        if declares:
            multiples = {"real": 1.0} | ({arm: 4.0} if arm else {})
            directory.remember("declaration", {"arm": arm, "multiples": multiples})
        return open_once(directory, images)

    return open_it


def written(folder, name):
    return json.loads((folder / name / "test_opened.json").read_text())


def test_the_first_opening_is_written_down(run, tmp_path):
    assert run("first") == ()
    content = written(tmp_path, "first")
    assert content["opened_at"].startswith("20")
    assert (content["test"], content["before"]) == ("same", [])


def test_later_runs_say_who_was_first(run, tmp_path):
    run("first")
    run("only-real", arm=None)
    third = run("third")
    assert [(one.run, one.arm, one.multiple) for one in third] == [
        ("first", "search", 4.0),
        ("only-real", None, None),
    ]
    assert third[0].opened_at == written(tmp_path, "first")["opened_at"]


def test_other_images_are_another_test_set(run):
    run("first", images="others")
    assert run("second") == ()


def test_going_on_with_a_run_is_no_second_opening(run, tmp_path):
    run("first")
    before = run("second")
    text = (tmp_path / "second" / "test_opened.json").read_text()
    run("third")
    assert run("first") == ()
    assert run("second") == before
    assert (tmp_path / "second" / "test_opened.json").read_text() == text


def test_a_run_that_has_not_opened_it_does_not_count(run, tmp_path):
    RunDirectory(tmp_path / "searching").remember("declaration", {"arm": "search"})
    (tmp_path / "mlflow.db").touch()
    assert run("first") == ()


def test_what_was_found_outlives_the_other_run(run, tmp_path):
    run("first")
    before = run("second")
    (tmp_path / "first" / "test_opened.json").unlink()
    assert run("second") == before


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"test": "same"}', '{"test": ', '{"test": "same", "opened_at": 5}'],
)
def test_another_runs_damaged_file_stops_nothing(run, tmp_path, content):
    run("damaged")
    (tmp_path / "damaged" / "test_opened.json").write_text(content)
    assert run("second") == ()
