import json
import subprocess
import sys

import pytest

from augsearch.controller.run import run_in
from augsearch.controller.run_directory.claiming import settle
from augsearch.events import silent

LOOK = """
import sys
from pathlib import Path
from augsearch.controller import run
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.events import silent
from augsearch.study.schema.study import StudyFile

study = StudyFile.model_validate({"name": "s", "data": {"kind": "demo"}, "arms": {"real": {}}})
run.Mirror = lambda *_: [print([name in sys.modules for name in sys.argv[2:]]), sys.exit()]
with run._mirrored(study, RunDirectory(Path(sys.argv[1])), silent):
    pass
"""


def test_what_two_threads_may_not_load_at_once_is_loaded_before_the_mirrors_thread(tmp_path):
    names = ["sqlalchemy.orm", "sqlalchemy.dialects.sqlite"]
    command = [sys.executable, "-c", LOOK, str(tmp_path), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.lower()) == [True, True]


def test_a_run_that_goes_on_shows_the_study_file_that_it_was_begun_with(ready):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    settle(world.directory, world.study, "# as it was begun")
    run_in(world.directory, world.study, "# with other words since", silent)
    report = world.directory.report.read_text()
    assert "# as it was begun" in report
    assert "other words" not in report


@pytest.mark.parametrize("kept", [None, b"# as it was \xff"])
def test_a_run_whose_study_file_was_damaged_or_removed_goes_on(ready, kept):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    settle(world.directory, world.study, "# as it was begun")
    file = world.directory.path / "study.toml"
    file.unlink()
    if kept is not None:
        file.write_bytes(kept)
    run_in(world.directory, world.study, "# as it was given again", silent)
    assert "# as it was " in world.directory.report.read_text()
