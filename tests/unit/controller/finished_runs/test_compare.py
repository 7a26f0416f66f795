import json

import pytest

from augsearch.controller.finished_runs.compare import compare_runs
from augsearch.errors import RunDirectoryError, StorageError

RESULT = {
    "study": "s",
    "baseline": "real",
    "arms": {
        "real": {
            **{"multiple": 1, "n_train": 9, "score": 0.5, "stopped_at": 1, "reason": None},
            **{"history": [], "test": {}, "external": None, "gain": None},
        }
    },
    "verdict": None,
    "seconds": {},
}
STUDY = {"name": "s", "seed": 0, "evaluation": {"metric": "auc", "confidence": 0.95}}


@pytest.fixture
def run(tmp_path):
    def make(name, study=STUDY, result=RESULT, images="abc"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        files = {"study": study, "results": result, "data": {"test": images}}
        for stem, content in files.items():
            if content is not None:
                (folder / f"{stem}.json").write_text(json.dumps(content))
        return folder

    return make


def test_settings_that_differ_are_shown(run, tmp_path):
    tracked = STUDY | {"seed": 7, "tracking": {"uri": "elsewhere"}}
    out = compare_runs([run("a"), run("b", tracked)], tmp_path / "c.html")
    text = out.read_text()
    assert '<th scope="row">seed</th><td>0</td><td>7</td>' in text
    assert "elsewhere" not in text
    assert "All runs were tested on the same images" in text


def test_folders_of_one_name_are_told_apart(run, tmp_path):
    text = compare_runs([run("x/r"), run("y/r", images="no")], tmp_path / "c.html").read_text()
    assert "<b>x/r.</b>" in text and "<b>y/r.</b>" in text
    assert "were not tested on the same images" in text


def test_the_same_run_twice_is_refused(run, tmp_path):
    folder = run("a")
    with pytest.raises(RunDirectoryError, match="named twice"):
        compare_runs([folder, tmp_path / "." / "a"], tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"study": None}, RunDirectoryError, "has no study.json"),
        ({"result": None}, RunDirectoryError, "has no results.json yet"),
        ({"result": {"study": 1}}, StorageError, "results.json must hold a result"),
        ({"study": {"name": "s"}}, StorageError, "evaluation.metric"),
        ({"study": [1]}, StorageError, "evaluation.metric"),
    ],
)
def test_what_is_no_finished_run_is_refused(run, tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        compare_runs([run("good"), run("bad", **changes)], tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()
