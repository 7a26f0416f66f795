"""Faults that need no server: kills, full disks, a second controller, clocks that jump."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from fault_kinds.outcomes import Row, stage
from fault_kinds.runs import Campaign, start

MOST_KILLS = 20
"""Of a run; then it may end."""
YEAR = 365 * 24 * 3600


def kills(campaign: Campaign, until: float) -> list[Row]:
    """SIGKILL again and again, at random moments, until the run gets to its end."""
    row, moments, longest = Row("SIGKILL, local engine"), campaign.moments(), campaign.length
    while time.monotonic() < until:
        with campaign.folder() as folder:
            for deaths in range(MOST_KILLS + 1):
                process = start(folder, "run", "study.toml")
                process.wait(300 if deaths == MOST_KILLS else moments.uniform(0, longest))
                if not process.kill():
                    break
                row.happens(stage(folder))
            # The machine may be busier now, or less: about nine kills are wanted.
            longest *= 0.8 if deaths < 7 else 1.25 if deaths > 11 else 1
            campaign.finish(row, folder)
    return [row]


@contextlib.contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], check=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def full_disk(campaign: Campaign, until: float) -> list[Row]:
    """A disk that is full once so many bytes are written, and then has room again."""
    row, moments = Row("disk full (tmpfs)"), campaign.moments()
    while time.monotonic() < until:
        with campaign.folder() as folder, _small_disk(folder / "runs", 60_000):
            base = (campaign.base / "empty.db").stat().st_size
            (folder / "runs/mlflow.db").write_bytes((campaign.base / "empty.db").read_bytes())
            filler = folder / "runs/filler"
            used = 60_000 * 1024 - base - int(10 ** moments.uniform(4, 6.8))
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, used)
            process = start(folder, "run", "study.toml")
            code = process.wait()
            said = "cannot be written" if "Traceback" in process.text else "named"
            row.happens({0: "went on (MLflow only)", 2: said}.get(code, f"exit code {code}"))
            if code not in (0, 2) or "Traceback" in process.text:
                print(process.text[-3000:])
            filler.unlink()
            campaign.finish(row, folder)
    return [row]


def two_controllers(campaign: Campaign, until: float) -> list[Row]:
    """A second process on the same run: one works, the other is told who does."""
    row, moments = Row("two controllers, one run directory"), campaign.moments()
    while time.monotonic() < until:
        with campaign.folder() as folder:
            first = start(folder, "run", "study.toml")
            time.sleep(moments.uniform(0, campaign.length / 2))
            for _ in range(3):
                log = folder / "said.txt"
                log.rename(folder / "first.txt")
                second = start(folder, "run", "study.toml")
                second.wait()
                told = second.code == 2 and "in use by process" in second.text
                row.happens("refused" if told else f"exit code {second.code}")
                log.rename(folder / "second.txt")
                (folder / "first.txt").rename(log)
            first.wait()
            campaign.finish(row, folder)
    return [row]


def clock_jumps(campaign: Campaign, until: float) -> list[Row]:
    """A clock that jumps while the run works; killed in the middle, it goes on at another time."""
    row, moments = Row("clock jumps by up to a year"), campaign.moments()
    while time.monotonic() < until:
        with campaign.folder() as folder:
            jumps = folder / "jumps.txt"
            for seconds in (moments.uniform(0, campaign.length), 300):
                jumping = random.Random(moments.random())
                before = partial(unsteady_clock, jumps, jumping, campaign.length / 8)
                process = start(folder, "run", "study.toml", before=before)
                process.wait(seconds)
                process.kill()
            offsets = [0.0, *map(float, jumps.read_text().split())]
            for old, new in pairwise(offsets):
                row.happens("forwards" if new > old else "back")
            campaign.finish(row, folder)
    return [row]


def unsteady_clock(jumps: Path, moments: random.Random, longest: float) -> None:
    """Set the wall clock of this process to another time now, and again and again.

    The C functions behind `time.time`, `time.time_ns`, `datetime.now` and their like are exchanged,
    for all threads and whoever imported them before; the monotonic clock stays as it is.

    Args:
        jumps: Each offset from the true time, in seconds, is appended here.
        moments: Of the jumps, and how far they go.
        longest: Seconds from one to the next.
    """
    import time_machine

    true, begun = time.time(), time.monotonic()
    clock = time_machine.travel(true, tick=True).start()

    def jump() -> None:
        offset = moments.choice((-1, 1)) * YEAR ** moments.uniform(0.1, 1)
        clock.move_to(true + time.monotonic() - begun + offset)
        with jumps.open("a", encoding="utf-8") as file:
            file.write(f"{time.time() - true - (time.monotonic() - begun):.3f}\n")

    def go_on() -> None:
        while True:
            time.sleep(moments.uniform(0, longest))
            jump()

    jump()
    threading.Thread(target=go_on, daemon=True).start()
