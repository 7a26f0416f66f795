"""The processes that judge the cases of a kind, and what came of all of them."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from hostile.arena import Arena, Case, Outcome
from hostile.kinds import KINDS

FAULTS = ("tracebacks", "hangs", "memory", "outside", "code")
_FAULT_OF = {
    **{"traceback": "tracebacks", "no message": "tracebacks"},
    **{"written outside": "outside", "code run": "code"},
}
_PREPARATION = 300
"""The longest, in seconds, that a process may take before its first case."""


def work(
    name: str,
    run: Path,
    root: Path,
    first: int,
    seconds: float,
    limits: argparse.Namespace,
    to: Connection,
) -> None:
    """Be one process: judge cases for so long, and report each before and after."""
    _silence(root)
    kind = KINDS[name]
    arena = Arena(root / "arena")
    os.environ |= dict.fromkeys(("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"), tempfile.gettempdir())
    template = run if kind.of_run else None
    if kind.of_run:
        kind.prepare(run)
    with contextlib.suppress(Exception):  # load what a first case loads, before anything is counted
        arena.judge(kind.first, kind.act, template)
    room = limits.mebibytes + 4096
    resource.setrlimit(
        resource.RLIMIT_AS, (_address_space() + room * 2**20, resource.RLIM_INFINITY)
    )

    strategy = kind.strategy(run if kind.of_run else None)
    to.send(("ready",))
    until = time.monotonic() + seconds

    def one(case: Case) -> None:
        if time.monotonic() > until:
            return
        to.send(("case", case))
        before = _reset_peak()
        outcome = arena.judge(case, kind.act, template)
        grown = (_status("VmHWM") - before) // 1024
        to.send(("done", outcome, grown))

    for chunk in range(first, first + 10_000):
        if time.monotonic() > until:
            break
        quiet = settings(
            max_examples=200,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        seed(chunk)(quiet(given(strategy)(one)))()
    to.send(("over",))


def _silence(root: Path) -> None:
    """Let libraries in C write their complaints into a file."""
    sink = os.open(root / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)


def _status(key: str) -> int:
    """Return a line of this process's status, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _address_space() -> int:
    return _status("VmSize") * 1024


def _reset_peak() -> int:
    """Set the peak of the resident memory to what it is now, and return that, in KiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


class Campaign:
    """All processes of one kind, one after the other, until its time is over."""

    def __init__(self, name: str, run: Path, root: Path, limits: argparse.Namespace) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.largest = 0
        self.longest = 0.0
        self._run, self._root, self._limits = run, root, limits
        self._kept = 0

    def go(self, seconds: float) -> None:
        """Judge cases for so long; what processes take to begin comes on top of it."""
        process = 0
        while seconds > 0:
            folder = self._root / f"{self._file_name}-{process}"
            folder.mkdir(parents=True)
            seconds -= self._one_process(folder, self._limits.seed + 10_000 * process, seconds)
            shutil.rmtree(folder, ignore_errors=True)
            process += 1

    @property
    def _file_name(self) -> str:
        return self.name.replace(":", "").replace(" ", "-")

    def _one_process(self, folder: Path, first: int, seconds: float) -> float:
        """Run one process to its end or its first fault that ends it -> how long it judged."""
        # Forked, so that libraries are loaded once; nothing here has threads of its own.
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        arguments = (self.name, self._run, folder, first, seconds, self._limits, there)
        child = context.Process(target=work, args=arguments)
        child.start()
        there.close()
        try:
            if not here.poll(_PREPARATION) or here.recv()[0] != "ready":
                raise EOFError
        except EOFError:
            raise SystemExit(f"{self.name}: the process did not begin: {folder}") from None
        begun = time.monotonic()
        self._listen(here, child)
        child.kill()
        child.join()
        return time.monotonic() - begun

    def _listen(self, here: Connection, child: Any) -> None:
        case: Case | None = None
        started = 0.0
        while here.poll(self._limits.seconds if case else _PREPARATION):
            try:
                message: tuple[Any, ...] = here.recv()
            except EOFError:
                if case is not None:
                    child.join()
                    self._fault("memory", case, f"the process died, exit code {child.exitcode}")
                return
            if message[0] == "case":
                case, started = message[1], time.monotonic()
            elif message[0] == "done" and case is not None:
                self._done(case, message[1], message[2], time.monotonic() - started)
                case = None
            else:
                return
        if case is not None:
            self._fault("hangs", case, f"no end within {self._limits.seconds} s")

    def _done(self, case: Case, outcome: Outcome, grown: int, seconds: float) -> None:
        self.largest = max(self.largest, grown)
        self.longest = max(self.longest, seconds)
        if not outcome.good:
            self._fault(_FAULT_OF[outcome.verdict], case, outcome.message)
        elif grown > self._limits.mebibytes:
            self._fault("memory", case, f"{grown} MiB more than before")
        else:
            self.counts["cases"] += 1
            self.counts[outcome.verdict] += 1

    def _fault(self, fault: str, case: Case, message: str) -> None:
        self.counts["cases"] += 1
        self.counts[fault] += 1
        self._kept += 1
        print(f"  {self.name}: {fault}: {message}", flush=True)
        if self._kept > 20:
            return
        folder = self._limits.keep / f"{self._file_name}-{self._kept}"
        for name, content in case.files.items():
            path = folder / os.fsencode(name).decode(errors="replace")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "links.txt").write_text(f"{dict(case.links)}\n{message}\n")
