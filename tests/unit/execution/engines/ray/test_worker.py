import pickle
import shutil
import socket
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest
import torch

from augsearch.errors import AugsearchError, DivergedError
from augsearch.events import Advanced, PictureMade
from augsearch.execution.engines.ray import worker
from augsearch.execution.engines.ray.worker import Failed, Surroundings, arithmetic, perform
from augsearch.storage import ArtifactStore


class Listener:
    """Keeps what it is told, and what the store held then."""

    def __init__(self, store=None):
        self.told, self.store, self.wanted = [], store, True

    def begin(self):
        if not self.wanted:
            raise DivergedError("not wanted")

    def __call__(self, event):
        self.told.append((event, sorted(path.name[:4] for path in self.store.rglob("*@*"))))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").touch()
    return tmp_path / "run"


def call(surroundings, what, listener=None):
    return perform(surroundings, what, [3], listener or Listener())


def test_a_call_gives_its_result_or_the_users_error(run):
    here = Surroundings(run, None, "cpu", 1, arithmetic("cpu"))

    def diverge(item, notify):
        raise DivergedError(f"item {item}")

    assert call(here, lambda item, notify: item + 1) == 4
    failed = call(here, diverge)
    assert isinstance(failed, Failed)
    assert pickle.loads(pickle.dumps(failed)).error.exit_code == DivergedError.exit_code
    with pytest.raises(ZeroDivisionError):
        call(here, lambda item, notify: item / 0)


def test_an_error_in_a_plugin_goes_to_the_user_with_its_traceback(run, monkeypatch):
    own = {"__name__": "my_package.parts"}
    exec("class Mine:\n    def fit(self, item, notify):\n        return open(f'/no/{item}')", own)
    known = EntryPoints([EntryPoint("mine", "my_package.parts:Mine", "augsearch.sources")])
    monkeypatch.setattr("augsearch.plugins.entry_points", lambda: known)
    failed = call(Surroundings(run, None, "cpu", 1, arithmetic("cpu")), own["Mine"]().fit)
    said = str(pickle.loads(pickle.dumps(failed)).error)
    assert said.startswith("plugin 'mine' (my_package.parts:Mine) must be put right")
    assert said.endswith("FileNotFoundError: [Errno 2] No such file or directory: '/no/3'")


def test_a_node_that_does_not_see_the_run_is_named(tmp_path):
    away = Surroundings(tmp_path / "run", None, "cpu", 1, None)
    error = call(away, lambda item, notify: item).error
    assert isinstance(error, AugsearchError)
    assert "must see the run directory" in str(error) and "--artifacts" in str(error)


def test_a_node_that_computes_otherwise_is_named(run):
    other = replace(arithmetic("cpu"), torch="1.0")
    error = call(Surroundings(run, None, "cpu", 1, other), lambda item, notify: item).error
    assert "must compute alike" in str(error) and "torch 1.0" in str(error)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has what is to be missing")
def test_a_node_whose_gpu_torch_cannot_use_is_named(run):
    error = call(Surroundings(run, None, "cuda", 1, None), lambda item, notify: item).error
    assert f"node {socket.gethostname()} of the Ray cluster: device must be one" in str(error)


def test_without_a_shared_folder_files_come_from_the_store_and_go_there(run, monkeypatch):
    share = run.parent / "share"
    store = ArtifactStore(str(share), run)
    old = run / "artifacts" / "a" / "old."
    old.parent.mkdir(parents=True)
    old.write_text("1")
    store.push(run)
    shutil.rmtree(run)
    now = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])

    def what(item, notify):
        assert old.read_text() == "1"
        (old.parent / "mid.").write_text("2")
        notify(Advanced(1, 2, "iterations"))
        notify(PictureMade(old.parent / "mid."))
        (old.parent / "more").write_text("3")
        now[0] += 100
        notify(Advanced(2, 2, "iterations"))
        (old.parent / "last").write_text("4")
        raise DivergedError("what was made so far is shared all the same")

    listener = Listener(share)
    assert isinstance(call(Surroundings(run, store, "cpu", 1, None), what, listener), Failed)
    assert [held for _, held in listener.told] == [
        ["old."],
        ["mid.", "old."],
        ["mid.", "more", "old."],
    ]
    assert len(list(share.rglob("*@*"))) == 4
