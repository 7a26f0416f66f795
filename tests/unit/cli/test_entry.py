"""The command line answers before anything heavy is loaded."""

import atexit
import gc
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
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
    modules = "augsearch.controller.planning.check, augsearch.classifiers.frozen.classifier"
    code = f"import sys\nimport {modules}"
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


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError(
            "The operator 'aten::x' is not currently implemented for the MPS device. If you want "
            "this op to be considered for addition, please comment on an issue."
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB). Tried to allocate 1 GB."),
        TypeError(
            "Cannot convert a MPS Tensor to float64 dtype as it has no float64. Use float32."
        ),
    ],
)
def test_what_an_apple_gpu_cannot_do_is_one_message(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(**settings: object) -> None:
        raise error

    monkeypatch.setattr(entry, "app", run)
    with pytest.raises(SystemExit, match="2"):
        entry.main()
    said = capsys.readouterr().err
    assert said.startswith('augsearch: device = "mps" must do all that the study asks for')
    assert 'Set device = "cpu", and' in said and said.count("\n") == 1


def test_other_errors_of_torch_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(**settings: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(entry, "app", run)
    with pytest.raises(RuntimeError, match="mat1"):
        entry.main()


@pytest.mark.parametrize(
    ("triton", "spared"), [(None, True), ("3.8.1", True), ("3.9.0", False), ("3.10.0+git1", False)]
)
def test_the_last_search_for_garbage_is_spared_unless_triton_would_list_what_is_left(
    triton: str | None, spared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = []
    monkeypatch.setattr(gc, "freeze", lambda: gone.append("frozen"))
    monkeypatch.setattr(entry, "app", lambda **settings: None)
    monkeypatch.setattr(atexit, "register", lambda action: action())
    loaded = triton and SimpleNamespace(__version__=triton)
    monkeypatch.setitem(sys.modules, "triton", loaded)
    entry.main()
    assert bool(gone) == spared


def test_a_command_that_has_loaded_torch_ends_in_silence() -> None:
    code = (
        "from augsearch.cli import entry\n"
        "import torch._dynamo\n"
        "entry.app = lambda **settings: None\n"
        "entry.main()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout + done.stderr == ""


def test_letters_that_the_output_lacks_end_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", "größer ω"):
        (tmp_path / name).mkdir()
        Image.new("L", (16, 16)).save(tmp_path / name / "1.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["augsearch", "init", ".", "--out", "studie ω.toml"])
    written = io.BytesIO()
    with io.TextIOWrapper(written, encoding="cp1252") as output:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(SystemExit) as ended:
            entry.main()
        output.flush()
        said = written.getvalue().decode("cp1252")
    assert not ended.value.code
    assert said.startswith(r"wrote studie \u03c9.toml")
