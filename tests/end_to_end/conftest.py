import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.cli import main

WARM = Path(__file__).with_name("warm_process.py")
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

[audit]
images_per_class = 20

[evaluation]
replicates = 2
test_replicates = 3
"""


class Call:
    """A command that runs in a copy of `WarmProcess`; the part of `subprocess.Popen` in use."""

    def __init__(self, channel: socket.socket, call: dict) -> None:
        ends = [os.pipe() for _ in range(3)]
        writing = [end for _, end in ends]
        socket.send_fds(channel, [json.dumps(call).encode()], writing)
        for end in writing:
            os.close(end)
        self.stdout, self.stderr = (os.fdopen(end) for end, _ in ends[:2])
        self._told = os.fdopen(ends[2][0], "rb", buffering=0)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit code; None as long as it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.returncode = int(self._told.readline())
        return self.returncode

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for its end -> the rest of both outputs; it is killed when time is up."""
        limit = threading.Timer(timeout, self.kill)
        limit.start()
        with ThreadPoolExecutor(2) as threads, self.stdout, self.stderr, self._told:
            out, err = threads.map(lambda file: file.read(), (self.stdout, self.stderr))
            if self.returncode is None:
                self.returncode = int(self._told.readline())
        limit.cancel()
        return out, err


class WarmProcess:
    """The process of `warm_process.py`."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._read_at_start = read_at_start(os.environ)
        self._seen: set[str] = set()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, WARM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(self, arguments: list[str], folder: Path, environment: dict) -> Call | None:
        """Start a call; None where the libraries have to be loaded anew for its environment.

        The first call of every command takes Python apart at its end, as all of them do in use.
        """
        if read_at_start(environment) != self._read_at_start:
            return None
        whole = arguments[0] not in self._seen
        self._seen.add(arguments[0])
        call = {"arguments": arguments, "folder": str(folder), "environment": environment}
        return Call(self._channel, call | {"whole": whole})

    def stop(self) -> None:
        self._channel.close()
        self._process.wait(timeout=60)


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python and OpenMP read once, but for those a call can follow."""
    own, followed = ("PYTHON", "OMP_", "LD_"), ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(own) and name not in followed
    }


class CommandLine:
    """Runs the real command line in a process of its own, in a folder of its own."""

    tiny = TINY
    untracked = TINY + "\n[tracking]\nenabled = false\n"
    """The same without MLflow, which makes up a quarter of its time."""

    def __init__(self, folder: Path, warm: WarmProcess | None = None) -> None:
        self.folder = folder
        self._warm = warm

    def write(self, text: str = TINY, name: str = "tiny.toml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, *arguments: object) -> subprocess.Popen | Call:
        words, environment = [*map(str, arguments)], os.environ | {"COLUMNS": "200"}
        call = self._warm and self._warm.start(words, self.folder, environment)
        return call or subprocess.Popen(
            [sys.executable, "-m", "augsearch", *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def results(self, run: str = "runs/tiny") -> dict:
        return json.loads((self.folder / run / "results.json").read_text())

    def numbers(self, run: str = "runs/tiny") -> dict:
        """results.json without the times."""
        return {key: value for key, value in self.results(run).items() if key != "seconds"}


@pytest.fixture(scope="session")
def warm_process():
    process = WarmProcess()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def command_line(warm_process):
    """Make the command line of a folder, for a run that several tests look at."""
    return functools.partial(CommandLine, warm=warm_process)


@pytest.fixture
def augsearch(tmp_path, command_line):
    return command_line(tmp_path)


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
def tiny_run(tmp_path_factory, warm_process):
    """A finished run of the tiny study: (command line in its folder, what the run printed).

    In one of the test workers nothing is loaded before it: this is what a user's first run is.
    """
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    folder = tmp_path_factory.mktemp("tiny")
    command = CommandLine(folder, None if first else warm_process)
    command.write()
    done = command("run", "tiny.toml")
    assert done.returncode == 0, done.stderr
    return CommandLine(folder, warm_process), done
