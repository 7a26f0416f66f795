import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.cli import main

TINY = """\
seed = 7
device = "cpu"

[images]
size = 16

[data]
kind = "demo"
train = 24
tune = 24
test = 60

[external]
kind = "demo"
site = "shifted"
test = 40

[split]
method = "given"

[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 40
snapshot_every = 20
checkpoint_every = 10

[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}

[arms.real]

[arms.search]
search = {source = "acgan", window = 3, max_multiple = 8}

[evaluation]
replicates = 2
test_replicates = 3
"""


class CommandLine:
    """Runs the real command line in a subprocess, in a folder of its own."""

    tiny = TINY

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str = TINY, name: str = "tiny.toml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, *arguments: object, **options: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "augsearch", *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"COLUMNS": "200"},
            **options,
        )

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def results(self, run: str = "runs/tiny") -> dict:
        return json.loads((self.folder / run / "results.json").read_text())

    def numbers(self, run: str = "runs/tiny") -> dict:
        """results.json without the times."""
        return {key: value for key, value in self.results(run).items() if key != "seconds"}


@pytest.fixture(scope="session")
def command_line():
    """Give the class, for a run that several tests look at."""
    return CommandLine


@pytest.fixture
def augsearch(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command line in this process, in an empty folder -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["augsearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def save_image():
    """Write a 16 x 16 PNG of noise with a mean grey value; no two numbers are alike."""

    def save(path, number, grey=110):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).normal(grey, 40, (16, 16))
        Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(path)

    return save


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A finished run of the tiny study: (command line in its folder, what the run printed)."""
    command = CommandLine(tmp_path_factory.mktemp("tiny"))
    command.write()
    done = command("run", "tiny.toml")
    assert done.returncode == 0, done.stderr
    return command, done
