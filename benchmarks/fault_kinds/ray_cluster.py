"""Ray workers killed in mid-task, and the controller killed and started again."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fault_kinds.outcomes import RUN, Row, ended, stage, stages
from fault_kinds.runs import Campaign, Process, start

if TYPE_CHECKING:
    from tests.end_to_end.test_ray import Head

STAGES = ("data", "sources", "audit", "search", "test", "report")


@contextmanager
def _cluster() -> Iterator[Head]:
    from tests.end_to_end.test_ray import Head

    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        head = Head(folder)
        try:
            head.wait()
            yield head
        finally:
            head.stop()


def kills(campaign: Campaign, until: float) -> list[Row]:
    """In every other run kill workers that are making a call, in the others the controller."""
    rows = [Row("SIGKILL, Ray worker in a task"), Row("SIGKILL, Ray controller")]
    with _cluster() as head:
        command = ("run", "study.toml", "--engine", "ray", "--address", head.address)
        with campaign.folder() as folder:
            first = start(folder, *command)
            if first.wait() != 0 or ended(folder).numbers != campaign.expected.numbers:
                raise RuntimeError(f"undisturbed on Ray: exit code {first.code}: {first.text}")
            moments = Moments(campaign.moments(), _lengths(folder))
        while time.monotonic() < until:
            row = rows[(rows[0].runs + rows[1].runs) % 2]
            with campaign.folder() as folder:
                if row is rows[0]:
                    _kill_workers(row, folder, command, moments, head)
                else:
                    _kill_controllers(row, folder, command, moments)
                campaign.finish(row, folder, *command[2:])
    return rows


def _lengths(folder: Path) -> dict[str, float]:
    """Return how many seconds each stage of a run took; those of the report are left to guess."""
    log = [json.loads(line) for line in (folder / RUN / "log.jsonl").read_text().splitlines()]
    started = [event for event in log if event["event"] == "StageStarted"]
    begun = {event["stage"].split(" ")[0]: event["time"] for event in reversed(started)}
    times = [*(begun[name] for name in STAGES), begun[STAGES[-1]] + 3]
    return {name: times[place + 1] - times[place] for place, name in enumerate(STAGES)}


@dataclass(frozen=True)
class Moments:
    """Draws when to kill: a stage from those still to come, and a moment in it.

    Attributes:
        random: What draws.
        lengths: Seconds that each stage takes undisturbed.
    """

    random: random.Random
    lengths: dict[str, float]

    def waits(self, process: Process, folder: Path, since: int, last: str) -> bool:
        """Wait for the next moment; return whether there is one and the run has not ended.

        Args:
            process: The run.
            folder: Where it is.
            since: What is in the log after so many characters is of this process.
            last: The last stage in which it may be.
        """
        furthest = max(map(_place, stages(folder)), default=0)
        names = STAGES[furthest : _place(last) + 1]
        place = self.random.randrange(len(names) + 1)
        if place == len(names):
            return False
        while process.wait(0.05) is None:
            if _place(stage(folder, since)) >= _place(names[place]):
                return process.wait(self.random.uniform(0, self.lengths[names[place]])) is None
        return False


def _place(name: str) -> int:
    return STAGES.index(name) if name in STAGES else -1


def _kill_controllers(
    row: Row, folder: Path, command: tuple[object, ...], moments: Moments
) -> None:
    while True:
        log = folder / RUN / "log.jsonl"
        since = len(log.read_text()) if log.exists() else 0
        process = start(folder, *command)
        goes_on = moments.waits(process, folder, since, STAGES[-1])
        if not goes_on:
            process.wait()
        if not process.kill():
            return
        row.happens(stage(folder, since))


def _kill_workers(
    row: Row, folder: Path, command: tuple[object, ...], moments: Moments, head: Head
) -> None:
    process = start(folder, *command)
    for _ in range(5):  # a call that has lost its sixth worker is given up
        if not moments.waits(process, folder, 0, "test"):
            break
        while not (workers := head.workers()) and process.wait(0.1) is None:
            pass
        if workers:
            os.kill(moments.random.choice(workers), signal.SIGKILL)
            row.happens(stage(folder))
    process.wait()
