"""The command line answers before anything heavy is loaded."""

import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from augsearch.cli import entry

HEAVY = ("torch", "torchvision", "ray", "mlflow", "optuna", "sklearn", "scipy", "numpy")
ONLY_TO_RUN = (
    "torch",
    "ray",
    "mlflow",
    "optuna",
    "sklearn",
    "matplotlib",
    "scipy.signal",
    "scipy.stats",
)


def _loaded(names: tuple[str, ...], code: str) -> str:
    code += f"\nprint([name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        ["--version"],
        ["--help"],
        ["run", "--help"],
        ["submit", "--help"],
        ["reader", "make", "--help"],
    ],
)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['augsearch', *{command}]\n"
        "from augsearch.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    assert _loaded(HEAVY, code) == "[]"


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("run", "runs/<study name>"),
        ("export", "RUN/exports/WHAT-ARM"),
        ("init", "<folder>.toml"),
    ],
)
def test_help_says_what_stands_in_for_what_is_left_out(command: str, default: str) -> None:
    from augsearch.cli.entry import app

    said = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert f"[default: ({default})]" in said


def test_a_study_is_read_with_numpy_alone() -> None:
    code = "import sys\nfrom augsearch.controller.study import load_study"
    assert _loaded(HEAVY, code) == "['numpy']"


def test_a_check_loads_nothing_that_only_a_run_needs() -> None:
    code = "import sys\nimport augsearch.controller.planning.check, augsearch.classifiers.frozen"
    assert _loaded(ONLY_TO_RUN, code) == "['torch']"


def test_a_full_gpu_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(**settings: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(entry, "app", run)
    with pytest.raises(SystemExit, match="2"):
        entry.main()
    said = capsys.readouterr().err
    assert said.startswith("augsearch: the GPU's memory must hold") and said.count("\n") == 1


def test_other_errors_of_torch_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(**settings: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(entry, "app", run)
    with pytest.raises(RuntimeError, match="mat1"):
        entry.main()
