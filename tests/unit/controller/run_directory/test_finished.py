from pathlib import Path

import pytest

from augsearch.controller.run_directory.claiming import claimed
from augsearch.controller.run_directory.finished import finished_run, handed_over
from augsearch.errors import DataError, RunDirectoryError
from augsearch.study.schema.study import StudyFile

STUDY = StudyFile.model_validate({"data": {"kind": "demo"}, "arms": {"real": {}}, "name": "tiny"})


def test_links_that_lead_out_of_a_run_are_refused(tmp_path: Path) -> None:
    """What is written to them would land where they lead."""
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "run"
    (run / "artifacts").mkdir(parents=True)
    (run / "study.json").write_text("{}")
    (run / "here").symlink_to("artifacts")
    (run / "artifacts" / "loop").symlink_to("loop")
    with pytest.raises(RunDirectoryError, match=r"has no results\.json"), finished_run(run):
        pass
    (run / "artifacts" / "deep").symlink_to(outside)
    (run / "log.jsonl").symlink_to("../outside/new")
    with pytest.raises(RunDirectoryError, match="artifacts/deep") as caught, finished_run(run):
        pass
    assert "log.jsonl" in str(caught.value)
    (run / "run.lock").symlink_to("../outside/lock")
    with pytest.raises(RunDirectoryError, match=r"run\.lock"), claimed(run, STUDY, fresh=False):
        pass
    assert list(outside.iterdir()) == []


def test_files_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    words = r"do not go together \(KeyError: 'x'\)"
    with pytest.raises(RunDirectoryError, match=words), handed_over(tmp_path):
        raise KeyError("x")
    with pytest.raises(DataError, match="as it is"), handed_over(tmp_path):
        raise DataError("as it is")
