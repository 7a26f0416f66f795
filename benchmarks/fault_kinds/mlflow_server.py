"""An MLflow server that is dead, hung, slow, cut off or killed, and back again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fault_kinds.outcomes import RUN, Ended, Row, numbers, tracked, trials
from fault_kinds.runs import Campaign, Process, end_with_parent, start, write

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
                end_with_parent(signal.SIGKILL)
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
class Server:
    """An MLflow server behind its front, and the runs that are sent to it."""

    campaign: Campaign
    folder: Path
    front: Front
    moments: random.Random
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        port, log = str(self.front.behind), (self.folder / "server.log").open("ab")
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        while self.process.poll() is None:
            url = f"http://127.0.0.1:{port}/health"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
                return
            time.sleep(0.1)
        raise RuntimeError("the MLflow server did not start")

    def kill(self) -> None:
        """Kill it with all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def moody(self, run: Process, row: Row) -> None:
        """Change how the front behaves until the run ends."""
        while run.wait(self.moments.uniform(0.1, 1.5)) is None:
            mode = self.moments.choice(MODES)
            self.front.say(mode)
            if mode != "well":
                row.happens(mode)
        self.front.say("well")

    def killed(self, run: Process, row: Row) -> None:
        """Kill the server in the middle of the run and start it again, as often as it lasts."""
        while run.wait(self.moments.uniform(0, self.campaign.length / 2)) is None:
            self.kill()
            row.happens("while the run worked")
            self.begin()

    def one(self, row: Row, disturb: Callable[[Process, Row], object], expected: Ended) -> Ended:
        """Run, disturb the server, send the rest with `augsearch sync`, compare."""
        with self.campaign.folder() as run:
            name = f"study {time.monotonic_ns()}"
            uri = f"http://127.0.0.1:{self.front.port}"
            tracking = f'\n[tracking]\nuri = "{uri}"\nexperiment = "{name}"\n'
            write(run, (run / "study.toml").read_text() + tracking)
            process = start(run, "run", "study.toml")
            disturb(process, row)
            if process.wait() != 0 or (process := start(run, "sync", RUN)).wait() != 0:
                process.kill()
                row.fails(run, process)
                return expected
            there = tracked(self.folder / "server.db", name)
            found = Ended(numbers(run), trials(run / RUN / "ledger.db") + there)
            row.compare(found, expected)
            return found


def mlflow(campaign: Campaign, until: float) -> list[Row]:
    """Try a line to the server that fails, and the server itself killed, in turns."""
    from tests.conftest import free_port

    rows = [Row("MLflow unreachable, hung, slow, cut off"), Row("MLflow server killed, restarted")]
    folder = campaign.base / "server"
    folder.mkdir()
    front = Front(free_port(), free_port(), folder / "mode")
    server = Server(campaign, folder, front, campaign.moments())
    front.start()
    try:
        server.begin()
        # On a server the same entries are expected as in the file.
        first = Row("MLflow server, undisturbed")
        server.one(first, lambda *_: None, campaign.expected)
        if first.identical != 1 or first.lost or first.twice:
            raise RuntimeError(f"an undisturbed server holds other entries than the file: {first}")
        while time.monotonic() < until:
            server.one(rows[0], server.moody, campaign.expected)
            server.one(rows[1], server.killed, campaign.expected)
    finally:
        front.stop()
        server.kill()
    return rows
