"""Faults that need no server: kills, full disks, a second controller, clocks that jump."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fault_kinds.runs import Campaign, Row, stage, start


def kills(campaign: Campaign, until: float) -> Row:
    """SIGKILL again and again, at random moments, until the run gets to its end.

    The longest wait is a quarter of an undisturbed run, so that a run is killed many times and all
    its stages are hit, in proportion to their length.
    """
    row, moments = Row("SIGKILL, local engine"), campaign.moments("kills")
    while time.monotonic() < until:
        with campaign.folder() as folder:
            while time.monotonic() < until:
                process = start(folder, "run", "study.toml")
                if process.wait(moments.uniform(0, campaign.length / 4)) is not None:
                    break
                process.kill()
                row.faults += 1
                row.details[stage(folder)] += 1
            campaign.finish(row, folder)
    return row


@contextlib.contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], check=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def full_disk(campaign: Campaign, until: float) -> Row:
    """A disk that is full once so many bytes are written, and then has room again."""
    row, moments = Row("disk full (tmpfs)"), campaign.moments("disk")
    while time.monotonic() < until:
        with campaign.folder() as folder, _small_disk(folder / "runs", 60_000):
            base = (campaign.base / "empty.db").stat().st_size
            (folder / "runs/mlflow.db").write_bytes((campaign.base / "empty.db").read_bytes())
            filler = folder / "runs/filler"
            used = 60_000 * 1024 - base - int(10 ** moments.uniform(4, 6.8))
            with filler.open("wb") as file:
                file.truncate(0)
                os.posix_fallocate(file.fileno(), 0, used)
            process = start(folder, "run", "study.toml")
            code = process.wait()
            row.faults += 1
            said = "cannot be written" if "Traceback" in process.text else "named"
            row.details[{0: "went on (MLflow only)", 2: said}.get(code, f"exit code {code}")] += 1
            if code not in (0, 2) or "Traceback" in process.text:
                print(process.text[-3000:])
            filler.unlink()
            campaign.finish(row, folder)
    return row


def two_controllers(campaign: Campaign, until: float) -> Row:
    """A second process on the same run: one works, the other is told who does."""
    row, moments = Row("two controllers, one run directory"), campaign.moments("two")
    while time.monotonic() < until:
        with campaign.folder() as folder:
            first = start(folder, "run", "study.toml")
            time.sleep(moments.uniform(0, campaign.length / 2))
            for _ in range(3):
                log = folder / "said.txt"
                log.rename(folder / "first.txt")
                second = start(folder, "run", "study.toml")
                second.wait()
                row.faults += 1
                told = second.code == 2 and "in use by process" in second.text
                row.details["refused" if told else f"exit code {second.code}"] += 1
                log.rename(folder / "second.txt")
                (folder / "first.txt").rename(log)
            first.wait()
            campaign.finish(row, folder)
    return row


def clock_jumps(campaign: Campaign, until: float) -> Row:
    """A clock that jumps by up to a year, forwards and back, while the run works."""
    row, moments = Row("clock jumps"), campaign.moments("clock")
    offset = os.environ.get("FAKETIME_TIMESTAMP_FILE")
    if offset is None:
        raise SystemExit("the clock must be libfaketime's; see faults.py")
    while time.monotonic() < until:
        with campaign.folder() as folder:
            process = start(folder, "run", "study.toml")
            while process.wait(moments.uniform(0, campaign.length / 3)) is None:
                seconds = moments.choice((-1, 1)) * int(10 ** moments.uniform(1, 7.5))
                temporary = Path(offset + ".new")
                temporary.write_text(f"{seconds:+d}\n")
                temporary.replace(offset)
                row.faults += 1
                row.details["forwards" if seconds > 0 else "back"] += 1
            campaign.finish(row, folder)
    return row


def under_faketime(arguments: list[str], folder: Path) -> None:
    """Start this program once more, with a clock that can be made to jump."""
    library = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not library:
        raise FileNotFoundError("there is no libfaketime (Debian: apt-get install libfaketime)")
    offset = folder / "offset"
    offset.write_text("+0\n")
    changed = {
        "LD_PRELOAD": str(library[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    subprocess.run([sys.executable, *arguments], env=os.environ | changed, check=False)
