"""Runs of a tiny study, each a process of its own, and what they leave behind."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STUDY = """\
seed = 7
device = "cpu"
max_hours = 1
[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = 60
[split]
method = "given"
[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 60
snapshot_every = 30
checkpoint_every = 10
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.search]
search = {source = "acgan", window = 2, max_multiple = 5}
[audit]
images_per_class = 20
[evaluation]
replicates = 2
test_replicates = 2
"""
RUN = Path("runs/study")
LEDGER = """
SELECT s.study_name, p.param_value FROM trials t JOIN studies s USING (study_id)
JOIN trial_params p USING (trial_id) WHERE t.state = 'COMPLETE'
"""
MLFLOW = """
SELECT replace(coalesce(r.name, ''), 'study: ', ''), m.key, m.step
FROM metrics m JOIN runs r USING (run_uuid) WHERE r.lifecycle_stage = 'active'
"""


@dataclass
class Process:
    """A command of augsearch in a process of its own, forked from this one.

    It saves the seconds that Python takes to load torch and MLflow; this process runs nothing with
    them, so the new one begins as a fresh one would.
    """

    pid: int
    log: Path
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self, seconds: float = 300) -> int | None:
        """Return its exit code, minus the signal that ended it; None if it is still running."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        return self.code

    def kill(self) -> None:
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")


def start(folder: Path, *arguments: object, before: Callable[[], object] = lambda: None) -> Process:
    """Begin `augsearch ARGUMENTS` in a folder; `before` is called in the new process."""
    log = folder / "said.txt"
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return Process(pid, log)
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number in (1, 2):
            os.dup2(target, number)
        before()
        code = _command([*map(str, arguments)])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(arguments: list[str]) -> int:
    from augsearch.cli import main

    sys.argv = ["augsearch", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        if names := os.environ.get("FAULTS_MODULES"):
            Path(names).write_text("\n".join(sys.modules))
    return 0


def preload(folder: Path) -> None:
    """Load in this process what a whole run loads."""
    names = folder / "modules.txt"
    write(folder)
    os.environ["FAULTS_MODULES"] = str(names)
    ended = start(folder, "run", "study.toml")
    if ended.wait():
        raise SystemExit(ended.text)
    del os.environ["FAULTS_MODULES"]
    for name in names.read_text().split("\n"):
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    threads = threading.active_count()
    if threads > 1:
        raise SystemExit(f"loading the libraries must start no thread but there are {threads}")


def write(folder: Path, text: str = STUDY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(text)
    return folder


@dataclass(frozen=True)
class Ended:
    """What a finished run leaves: its numbers, and what its stores hold how often."""

    numbers: dict[str, Any]
    entries: Counter[tuple[object, ...]]


def ended(folder: Path, *databases: tuple[Path, str]) -> Ended:
    """Read a finished run; `databases` in the place of its own ledger and MLflow's file."""
    results = json.loads((folder / RUN / "results.json").read_text())
    numbers = {key: value for key, value in results.items() if key != "seconds"}
    own = ((folder / RUN / "ledger.db", LEDGER), (folder / "runs/mlflow.db", MLFLOW))
    entries: Counter[tuple[object, ...]] = Counter()
    for path, query in databases or own:
        if path.exists():
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
                entries.update(tuple(row) for row in opened.execute(query))
    return Ended(numbers, entries)


def stage(folder: Path) -> str:
    """Return the stage that a run was in last."""
    log = folder / RUN / "log.jsonl"
    for line in reversed(log.read_text().splitlines() if log.exists() else []):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry["event"] == "StageStarted":
                return str(entry["stage"]).split(" ")[0]
    return "start"


@dataclass
class Row:
    """A row of the table."""

    kind: str
    faults: int = 0
    runs: int = 0
    identical: int = 0
    lost: int = 0
    twice: int = 0
    details: Counter[str] = field(default_factory=Counter)

    def compare(self, found: Ended, expected: Ended) -> None:
        self.runs += 1
        self.identical += found.numbers == expected.numbers
        self.lost += sum((expected.entries - found.entries).values())
        self.twice += sum((found.entries - expected.entries).values())

    def fails(self, folder: Path, process: Process) -> None:
        """A run that does not end."""
        self.runs += 1
        self.details["NOT FINISHED"] += 1
        print(f"{self.kind}: exit code {process.code} in {folder}\n{process.text[-3000:]}")


@dataclass
class Campaign:
    """What every kind of fault is tried on.

    Attributes:
        base: A folder for everything.
        seed: Of all moments.
        expected: The undisturbed run.
        length: How many seconds it took.
    """

    base: Path
    seed: int
    expected: Ended
    length: float

    def moments(self, kind: str) -> random.Random:
        return random.Random(f"{self.seed} {kind}")

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder with the study in it, and a database of MLflow without runs."""
        path = self.base / "run"
        shutil.rmtree(path, ignore_errors=True)
        write(path)
        (path / "runs").mkdir()
        shutil.copyfile(self.base / "empty.db", path / "runs/mlflow.db")
        yield path

    def finish(self, row: Row, folder: Path, *arguments: object) -> bool:
        """Run to the end and compare; return whether it ended."""
        process = start(folder, "run", "study.toml", *arguments)
        if process.wait() != 0:
            process.kill()
            row.fails(folder, process)
            return False
        row.compare(ended(folder), self.expected)
        return True
