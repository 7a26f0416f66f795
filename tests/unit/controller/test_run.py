import json
import subprocess
import sys

LOOK = """
import sys
from pathlib import Path
from augsearch.controller import run
from augsearch.controller.directory import RunDirectory
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
