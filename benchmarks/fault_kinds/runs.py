"""Runs of a tiny study, each a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tiny import tiny_study

from fault_kinds.outcomes import Ended, Row, ended

STUDY = tiny_study(
    test=30,
    iterations=24,
    most=4,
    generator="snapshot_every = 12\ncheckpoint_every = 4\n",
    head="max_hours = 1\n",
    more="[audit]\nimages_per_class = 20\n",
)
_PR_SET_PDEATHSIG = 1


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

    def kill(self) -> bool:
        """Send SIGKILL; return whether that is what ended it."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        return self.code == -signal.SIGKILL

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
        end_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
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


def end_with_parent(number: signal.Signals) -> None:
    """Let this process get a signal once the one that forked it has ended, however it did."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _command(arguments: list[str]) -> int:
    from augsearch.cli import main

    sys.argv = ["augsearch", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        if names := os.environ.get("FAULTS_MODULES"):
            Path(names).write_text("\n".join(sys.modules), encoding="utf-8")
    return 0


def preload(folder: Path) -> None:
    """Load in this process what a whole run loads: what takes long first, for one run tells all."""
    for name in ("torchvision", "mlflow", "optuna", "matplotlib.figure", "sklearn.linear_model"):
        importlib.import_module(name)
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
class Campaign:
    """What every kind of fault is tried on.

    Attributes:
        base: A folder for everything.
        seed: Of all moments.
        expected: The undisturbed run.
        length: How many seconds it took.
    """

    base: Path
    seed: str
    expected: Ended
    length: float

    @classmethod
    def begin(cls, base: Path, seed: int) -> Campaign:
        """Load all libraries and run the study undisturbed."""
        preload(base / "first")
        _empty_store(base / "empty.db")
        campaign = cls(base, str(seed), Ended({}, Counter()), 0)
        with campaign.folder() as folder:
            begun = time.monotonic()
            process = start(folder, "run", "study.toml")
            if process.wait() != 0:
                raise SystemExit(process.text)
            length = time.monotonic() - begun
            return replace(campaign, expected=ended(folder), length=length)

    def part(self, name: str) -> Campaign:
        """Return the campaign with a folder and moments that no other part has."""
        base = self.base / name
        base.mkdir()
        shutil.copyfile(self.base / "empty.db", base / "empty.db")
        return replace(self, base=base, seed=f"{self.seed} {name}")

    def moments(self) -> random.Random:
        return random.Random(self.seed)

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


def _empty_store(path: Path) -> None:
    """Make a database of MLflow that has no runs, in another process."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            SqlAlchemyStore(f"sqlite:///{path}", str(path.parent / "mlruns"))
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("MLflow makes no database")
