"""A PostgreSQL server that is restarted in mid-run, and two machines that share it."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fault_kinds.outcomes import LEDGER, Ended, Row, numbers, stage
from fault_kinds.runs import Campaign, Process, start, write

if TYPE_CHECKING:
    from tests.conftest import Postgres


def postgres(campaign: Campaign, until: float) -> list[Row]:
    """PostgreSQL stopped at once and started again in mid-run; a second controller meanwhile."""
    from tests.conftest import Postgres

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise FileNotFoundError("there is no PostgreSQL (Debian: apt-get install postgresql)")
    rows = [Row("PostgreSQL restarted in mid-run"), Row("two controllers, shared ledger")]
    moments = campaign.moments()
    with tempfile.TemporaryDirectory(prefix="augsearch-postgres-") as name:
        server = Postgres(found[-1].parent, Path(name))
        try:
            while time.monotonic() < until:
                url = server.new_database()
                if (rows[0].runs + rows[1].runs) % 3 < 2:
                    _restarted(campaign, rows[0], server, url, moments)
                else:
                    _two_machines(campaign, rows[1], server, url, moments)
        finally:
            server.stop()
    return rows


def _restarted(
    campaign: Campaign, row: Row, server: Postgres, url: str, moments: random.Random
) -> None:
    with campaign.folder() as folder:
        process = start(folder, "run", "study.toml", "--ledger", url)
        while process.wait(moments.uniform(0.2, campaign.length / 2)) is None:
            server.stop()
            process.wait(moments.uniform(0, 1))
            server.start()
            row.happens(stage(folder))
        _compare(campaign, row, folder, process, server, url)


def _two_machines(
    campaign: Campaign, row: Row, server: Postgres, url: str, moments: random.Random
) -> None:
    """Another machine wants the same run, is refused, and takes it over once the first is dead."""
    with campaign.folder() as folder:
        share, second = folder / "share", write(folder / "second")
        stores = ("--ledger", url, "--artifacts", share.as_uri())
        process = start(folder, "run", "study.toml", *stores)
        while process.poll() is None and not list(share.rglob("identity.json*")):
            time.sleep(0.01)
        process.wait(moments.uniform(0, campaign.length / 2))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGSTOP)  # it still owns the run, and does not finish it
            other = start(second, "run", "study.toml", *stores)
            other.wait()
            os.kill(process.pid, signal.SIGCONT)
            told = other.code == 2 and "is in use by process" in other.text
            row.happens("refused" if told else f"exit code {other.code}")
        process.kill()
        last = start(second, "run", "study.toml", *stores)
        _compare(campaign, row, second, last, server, url)


def _compare(
    campaign: Campaign, row: Row, folder: Path, process: Process, server: Postgres, url: str
) -> None:
    """Compare results and trials (two machines have two files of MLflow)."""
    if process.wait() != 0:
        process.kill()
        row.fails(folder, process)
        return
    stored = Counter(
        (kind, str(name).rpartition("/")[2], state, amount)
        for kind, name, state, amount in server.ask(LEDGER, url.rpartition("/")[2])
    )
    expected = Counter(
        {one: n for one, n in campaign.expected.entries.items() if one[0] == "trial"}
    )
    row.compare(Ended(numbers(folder), stored), replace(campaign.expected, entries=expected))
