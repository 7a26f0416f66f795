"""Studies from Python."""

import pytest
import torch

from augsearch import load_study
from augsearch.errors import AugsearchError

STUDY = """\
[data]
kind = "demo"
[sources.repeat]
kind = "repeat"
[arms.real]
[arms.more]
add = [{source = "repeat", multiple = 2}]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "small.toml").write_text(STUDY)
    return load_study(tmp_path / "small.toml")


def test_an_engine_that_is_not_there_is_refused(study, tmp_path):
    with pytest.raises(AugsearchError, match="engine must be 'local' or 'ray' but got 'dask'"):
        study.run(tmp_path / "run", engine="dask")
    assert not (tmp_path / "run").exists()


def test_it_runs_with_gradients_whatever_the_notebook_has_set(study, tmp_path, monkeypatch):
    monkeypatch.setattr("augsearch.controller.run.run_in", lambda *_, **__: torch.is_grad_enabled())
    with torch.no_grad():
        assert study.run(tmp_path / "run") is True
        assert not torch.is_grad_enabled()
