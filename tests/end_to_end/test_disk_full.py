"""A disk that fills up in the middle of a run: one message, and the run can go on.

Without MLflow, whose own file would only fill up first.
"""

import contextlib
import gc

import pytest

from augsearch.controller.study import load_study
from augsearch.errors import StorageError

resource = pytest.importorskip("resource")  # not on Windows

SMALL = """\
[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = 30
[split]
method = "given"
[sources.repeat]
kind = "repeat"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.search]
search = {source = "repeat", window = 1, max_multiple = 3}
[evaluation]
test_replicates = 2
[tracking]
enabled = false
"""


@contextlib.contextmanager
def files_of_at_most(size):
    """Let no file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_command_says_which_file_and_goes_on_later(tiny_run, augsearch, call):
    augsearch.write(augsearch.untracked)
    with files_of_at_most(65536):
        code, _, err = call("run", "tiny.toml")
    assert code == 2
    run = augsearch.folder / "runs" / "tiny"
    place = run / "artifacts" / "source-acgan-fold0" / "checkpoint.safetensors"
    message = err.splitlines()[-1]
    assert message.startswith(f"augsearch: cannot write {place}: File too large.")
    assert "the same command then goes on" in message
    assert "Traceback" not in err
    assert not list(run.rglob("*.tmp"))
    assert call("run", "tiny.toml")[0] == 0
    assert augsearch.numbers() == tiny_run[0].numbers()


# Optuna's storage that cannot make its tables leaves a connection open: Python 3.13 warns of that.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_wherever_the_disk_fills_up_the_run_goes_on(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    study, run = load_study(tmp_path / "small.toml"), tmp_path / "run"
    for size, file in [
        (10_000, rf"{run}/artifacts/data/pixels\.npy"),
        (60_000, "ledger"),
        (120_000, rf"{run}/artifacts/features/\w+\.npy"),
    ]:
        with pytest.raises(StorageError, match=file), files_of_at_most(size):
            study.run(run)
        gc.collect()
        assert not list(run.rglob("*.tmp"))
        assert run.exists() == (size > 10_000)  # nothing is kept of a run that never began
    # In a folder of its own: beside the other, the same test set would be opened twice.
    undisturbed = study.run(tmp_path / "elsewhere" / "undisturbed")
    assert study.run(run).model_dump(exclude={"seconds"}) == undisturbed.model_dump(
        exclude={"seconds"}
    )
