"""Servers that fail: MLflow dead, hung, slow and back again, and PostgreSQL restarted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fault_kinds.runs import (
    LEDGER,
    MLFLOW,
    RUN,
    Campaign,
    Ended,
    Process,
    Row,
    ended,
    stage,
    start,
    write,
)

if TYPE_CHECKING:
    from tests.conftest import Postgres

MODES = ("well", "dead", "hung", "slow", "cut off")


@dataclass
class Front:
    """A process before a server that passes on, or plays a server with a fault.

    dead: connections are refused. hung: they are taken and never answered. slow: each answer takes
    a second. cut off: the server gets the request and works on it, the answer does not come back.
    """

    port: int
    behind: int
    mode: Path
    pid: int = 0

    def say(self, mode: str) -> None:
        new = self.mode.with_suffix(".new")
        new.write_text(mode)
        new.replace(self.mode)

    def start(self) -> None:
        self.say("well")
        self.pid = os.fork()
        if not self.pid:
            try:
                asyncio.run(self._serve())
            finally:
                os._exit(0)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    async def _serve(self) -> None:
        server = None
        while True:
            dead = self.mode.read_text() == "dead"
            if dead and server is not None:
                server.close()
                server = None
            elif not dead and server is None:
                server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
            await asyncio.sleep(0.02)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            mine, theirs = await asyncio.open_connection("127.0.0.1", self.behind)
            await asyncio.gather(self._pass(reader, theirs, False), self._pass(mine, writer, True))

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, is_answer: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(1 << 16):
                while (mode := self.mode.read_text()) == "hung":
                    await asyncio.sleep(0.05)
                if mode == "slow" and is_answer:
                    await asyncio.sleep(1)
                if mode == "dead" or (mode == "cut off" and is_answer):
                    break
                target.write(chunk)
                await target.drain()
        target.close()


@dataclass
class Tracked:
    """An MLflow server behind its front, and the runs that are sent to it."""

    campaign: Campaign
    folder: Path
    front: Front
    running: contextlib.ExitStack
    moments: random.Random
    expected: Ended | None = None

    def begin(self) -> None:
        """Start the server; leaving `running` kills it and all its processes."""
        port, log = str(self.front.behind), (self.folder / "server.log").open("ab")
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        process = subprocess.Popen(
            command,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.running.callback(process.wait)
        self.running.callback(os.killpg, process.pid, signal.SIGKILL)
        while process.poll() is None:
            url = f"http://127.0.0.1:{port}/health"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
                return
            time.sleep(0.1)
        raise RuntimeError("the MLflow server did not start")

    def moody(self, run: Process) -> Counter[str]:
        """Change the server's state until the run ends; return how often to which."""
        seen: Counter[str] = Counter()
        while run.wait(self.moments.uniform(0.1, 1.5)) is None:
            mode = self.moments.choice(MODES)
            self.front.say(mode)
            seen[mode] += mode != "well"
        self.front.say("well")
        return +seen

    def killed(self, run: Process) -> Counter[str]:
        """Kill the server in the middle of the run and start it again."""
        run.wait(self.moments.uniform(0, self.campaign.length))
        self.running.close()
        self.begin()
        return Counter(["killed"])

    def one(self, row: Row, disturb: Callable[[Process], Counter[str]]) -> None:
        """Run, disturb the server, send the rest with `augsearch sync`, compare."""
        with self.campaign.folder() as run:
            name = f"study {time.monotonic_ns()}"
            uri = f"http://127.0.0.1:{self.front.port}"
            tracking = f'\n[tracking]\nuri = "{uri}"\nexperiment = "{name}"\n'
            write(run, (run / "study.toml").read_text() + tracking)
            process = start(run, "run", "study.toml")
            seen = disturb(process)
            if process.wait() != 0 or (process := start(run, "sync", RUN)).wait() != 0:
                process.kill()
                row.fails(run, process)
                return
            query = MLFLOW + (
                " AND r.experiment_id = "
                f"(SELECT experiment_id FROM experiments WHERE name = '{name}')"
            )
            found = ended(
                run, (run / RUN / "ledger.db", LEDGER), (self.folder / "server.db", query)
            )
            if self.expected is None:
                self.expected = found
            row.faults += seen.total()
            row.details.update(seen)
            row.compare(found, Ended(self.campaign.expected.numbers, self.expected.entries))


def mlflow(campaign: Campaign, until: float) -> Row:
    """An MLflow server that is dead, hung, slow, cut off or killed, and back again."""
    from tests.conftest import free_port

    folder = campaign.base / "server"
    folder.mkdir()
    row = Row("MLflow server fails and comes back")
    front = Front(free_port(), free_port(), folder / "mode")
    with contextlib.ExitStack() as running:
        tracked = Tracked(campaign, folder, front, running, campaign.moments("mlflow"))
        front.start()
        try:
            tracked.begin()
            tracked.one(Row("undisturbed"), lambda _: Counter())
            if tracked.expected is None or campaign.expected.entries - tracked.expected.entries:
                raise RuntimeError("the server must hold what the file holds")
            while time.monotonic() < until:
                tracked.one(row, tracked.killed if row.runs % 5 == 4 else tracked.moody)
        finally:
            front.stop()
    return row


def postgres(campaign: Campaign, until: float) -> list[Row]:
    """PostgreSQL stopped at once and started again in mid-run; a second controller meanwhile."""
    from tests.conftest import Postgres

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise FileNotFoundError("there is no PostgreSQL (Debian: apt-get install postgresql)")
    rows = [Row("PostgreSQL restarted in mid-run"), Row("two controllers, shared ledger")]
    moments = campaign.moments("postgres")
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
            row.faults += 1
            row.details[stage(folder)] += 1
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
        alive = process.poll() is None
        os.kill(process.pid, signal.SIGSTOP)  # it still owns the run, and does not finish it
        other = start(second, "run", "study.toml", *stores)
        other.wait()
        os.kill(process.pid, signal.SIGCONT)
        if alive:
            row.faults += 1
            told = other.code == 2 and "is in use by process" in other.text
            row.details["refused" if told else f"exit code {other.code}"] += 1
        process.kill()
        last = start(second, "run", "study.toml", *stores)
        _compare(campaign, row, second, last, server, url)


def _compare(
    campaign: Campaign, row: Row, folder: Path, process: Process, server: Postgres, url: str
) -> None:
    if process.wait() != 0:
        process.kill()
        row.fails(folder, process)
        return
    stored = server.ask(LEDGER, url.rpartition("/")[2])
    entries = Counter((str(name).rpartition("/")[2], amount) for name, amount in stored)
    expected = Counter({key: n for key, n in campaign.expected.entries.items() if len(key) == 2})
    found = ended(folder, (folder / "none", ""))
    row.compare(Ended(found.numbers, entries), Ended(campaign.expected.numbers, expected))
