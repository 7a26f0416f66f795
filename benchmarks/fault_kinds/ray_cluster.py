"""Ray workers killed in mid-task, and the controller killed and started again."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fault_kinds.runs import Campaign, Row, ended, stage, start

if TYPE_CHECKING:
    from tests.end_to_end.test_ray import Head


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
    moments = campaign.moments("ray")
    with _cluster() as head:
        command = ("run", "study.toml", "--engine", "ray", "--address", head.address)
        begun = time.monotonic()
        with campaign.folder() as folder:
            first = start(folder, *command)
            if first.wait() != 0 or ended(folder).numbers != campaign.expected.numbers:
                raise RuntimeError(f"undisturbed on Ray: exit code {first.code}: {first.text}")
        length = time.monotonic() - begun
        while time.monotonic() < until:
            row = rows[(rows[0].runs + rows[1].runs) % 2]
            with campaign.folder() as folder:
                process, deaths = start(folder, *command), 0
                longest = length / 2 if row is rows[1] else length / 4
                while process.wait(moments.uniform(0, longest)) is None:
                    if time.monotonic() > until:
                        process.wait()
                    elif row is rows[1]:
                        process.kill()
                        row.faults += 1
                        row.details[stage(folder)] += 1
                        process = start(folder, *command)
                    elif deaths < 5 and (workers := head.workers()):  # a sixth ends the run
                        deaths += 1
                        os.kill(moments.choice(workers), signal.SIGKILL)
                        row.faults += 1
                        row.details[stage(folder)] += 1
                campaign.finish(row, folder, *command[2:])
    return rows
