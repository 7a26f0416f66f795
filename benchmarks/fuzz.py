"""Hand augsearch thousands of hostile files, and count what comes of them.

    python benchmarks/fuzz.py --minutes 15 --out benchmarks/fuzz.md

Study files, tables, images, MedMNIST archives, DICOM files, weights, readers' answers and finished
runs, damaged or made to do harm (``benchmarks/hostile``), go to the functions that the commands
call. Each kind has its processes, one after the other, with a limit on their address space; a case
that takes too long is ended from outside. The last columns must be 0:

* tracebacks: anything but success or augsearch's own error with a message
* hangs: no end within ``--seconds``
* memory: the peak resident memory of a case grew by more than ``--mebibytes``, or the process died
* outside: a file was written, renamed or removed outside the case's own folder
* code: code in a file was run, a process started, something unpickled, a connection opened

Exit code 1 if one is not. Cases that fail are kept in the folder that is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hostile.arena import Arena, Case, Outcome  # noqa: E402
from hostile.kinds import KINDS  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402

FAULTS = ("tracebacks", "hangs", "memory", "outside", "code")
_FAULT_OF = {
    **{"traceback": "tracebacks", "no message": "tracebacks"},
    **{"written outside": "outside", "code run": "code"},
}
_STUDY = """\
seed = 7
device = "cpu"
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
iterations = 20
snapshot_every = 20
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.search]
search = {source = "acgan", window = 2, max_multiple = 3}
[evaluation]
replicates = 2
test_replicates = 2
[tracking]
enabled = false
"""


def finished_run(folder: Path) -> Path:
    """Run a tiny study and make a page for readers; the changed runs are copies of it."""
    (folder / "tiny.toml").write_text(_STUDY)
    for arguments in (["run", "tiny.toml"], ["reader", "make", "runs/tiny"]):
        command = [sys.executable, "-m", "augsearch", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "runs" / "tiny"


def work(
    name: str,
    run: Path,
    root: Path,
    first: int,
    until: float,
    limits: argparse.Namespace,
    to: Connection,
) -> None:
    """Be one process: judge cases until the time is over, and report each before and after."""
    _silence(root)
    kind = KINDS[name]
    arena = Arena(root / "arena")
    os.environ["MPLCONFIGDIR"] = str(arena.root / "tmp")
    template = run if kind.of_run else None
    if kind.of_run:
        kind.prepare(run)
    with contextlib.suppress(Exception):  # load what a first case loads, before anything is counted
        arena.judge(Case({}), kind.act, template)
    room = limits.mebibytes + 4096
    resource.setrlimit(
        resource.RLIMIT_AS, (_address_space() + room * 2**20, resource.RLIM_INFINITY)
    )

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
        strategy = kind.strategy(run if kind.of_run else None)
        seed(chunk)(quiet(given(strategy)(one)))()
    to.send(("over",))


def _silence(root: Path) -> None:
    """Let libraries in C write their complaints into a file."""
    sink = os.open(root / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)


def _status(key: str) -> int:
    """Return a line of this process's status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _address_space() -> int:
    return _status("VmSize") * 1024


def _reset_peak() -> int:
    """Set the peak of the resident memory to what it is now, and return that, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
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
        until = time.monotonic() + seconds
        process = 0
        while time.monotonic() < until:
            folder = self._root / f"{self.name.replace(':', '').replace(' ', '-')}-{process}"
            folder.mkdir(parents=True)
            self._one_process(folder, self._limits.seed + 10_000 * process, until)
            shutil.rmtree(folder, ignore_errors=True)
            process += 1

    def _one_process(self, folder: Path, first: int, until: float) -> None:
        # Forked, so that libraries are loaded once; nothing here has threads of its own.
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        arguments = (self.name, self._run, folder, first, until, self._limits, there)
        child = context.Process(target=work, args=arguments)
        child.start()
        there.close()
        case: Case | None = None
        started = 0.0
        while here.poll(
            self._limits.seconds if case else 300
        ):  # until the first case, files are made
            try:
                message: tuple[Any, ...] = here.recv()
            except EOFError:
                if case is not None:
                    self._fault("memory", case, f"the process died, exit code {child.exitcode}")
                break
            if message[0] == "case":
                case, started = message[1], time.monotonic()
            elif message[0] == "done" and case is not None:
                self._done(case, message[1], message[2], time.monotonic() - started)
                case = None
            else:
                break
        else:
            if case is not None:
                self._fault("hangs", case, f"no end within {self._limits.seconds} s")
        child.kill()
        child.join()

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
        folder = self._limits.keep / f"{self.name.replace(':', '').replace(' ', '-')}-{self._kept}"
        for name, content in case.files.items():
            path = folder / os.fsencode(name).decode(errors="replace")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "links.txt").write_text(f"{dict(case.links)}\n{message}\n")


COLUMNS = ("cases", "accepted", "refused", *FAULTS)


def table(campaigns: list[Campaign]) -> Iterator[str]:
    """Yield the lines of the results, as Markdown."""
    yield f"| input | {' | '.join(COLUMNS)} | largest (MiB) | longest (s) |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) + 2)}"
    total: Counter[str] = Counter()
    for one in campaigns:
        total += one.counts
        cells = " | ".join(f"{one.counts[column]:,}" for column in COLUMNS)
        yield f"| {one.name} | {cells} | {one.largest:,} | {one.longest:.1f} |"
    cells = " | ".join(f"{total[column]:,}" for column in COLUMNS)
    largest = max(one.largest for one in campaigns)
    longest = max(one.longest for one in campaigns)
    yield f"| **all** | {cells} | {largest:,} | {longest:.1f} |"


def main() -> None:
    """Run the campaign and print its totals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seconds", type=float, default=120, help="the longest a case may take")
    parser.add_argument("--mebibytes", type=int, default=1536, help="the most it may add to memory")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--run", type=Path, help="a finished run with a reader page, to be changed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the table here, too")
    limits = parser.parse_args()
    limits.keep = Path(tempfile.mkdtemp(prefix="augsearch-fuzz-failures-"))
    root = Path(tempfile.mkdtemp(prefix="augsearch-fuzz-"))
    started = time.monotonic()
    run = limits.run.resolve() if limits.run else finished_run(root)
    left = 60 * limits.minutes - (time.monotonic() - started)
    shares = sum(KINDS[name].share for name in limits.kinds)
    campaigns = []
    for name in limits.kinds:
        campaigns.append(Campaign(name, run, root, limits))
        campaigns[-1].go(left * KINDS[name].share / shares)
        print(f"{name}: {dict(campaigns[-1].counts)}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    words = (
        f"python benchmarks/fuzz.py --minutes {limits.minutes:g} --seed {limits.seed}, limits "
        f"{limits.seconds:g} s and {limits.mebibytes:,} MiB per case"
    )
    text = "\n".join([words, "", *table(campaigns)]) + "\n"
    print(text)
    if limits.out:
        limits.out.write_text(f"# Hostile input\n{text}")
    if any(one.counts[fault] for one in campaigns for fault in FAULTS):
        print(f"failures: {limits.keep}")
        sys.exit(1)
    limits.keep.rmdir()


if __name__ == "__main__":
    main()
