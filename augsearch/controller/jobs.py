"""Studies as jobs of a Ray cluster: sent to its head, followed and stopped from anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shlex
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augsearch.errors import AugsearchError
from augsearch.files import write_text

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_PREFIX = "augsearch-"
_TALKATIVE = (
    "_private.runtime_env.packaging",
    "dashboard.modules.dashboard_sdk",
    "dashboard.modules.job.sdk",
)
"""Parts of Ray that tell of each file that they send."""

_GOES_ON = ("FAILED", "STOPPED")
"""States of a job whose study may be sent again: it goes on where it stopped."""


@dataclass(frozen=True)
class Job:
    """A study that was sent.

    Attributes:
        name: The submission ID.
        status: "PENDING", "RUNNING", "SUCCEEDED", "FAILED" or "STOPPED".
        study: Name of the study.
        out: Its run directory.
        message: What Ray says about the status.
    """

    name: str
    status: str
    study: str
    out: str
    message: str


@dataclass(frozen=True)
class Submission:
    """A study to be sent.

    Attributes:
        name: The study's name.
        text: The study file.
        folder: Where paths in it start.
        out: The run directory, as the cluster sees it.
    """

    name: str
    text: str
    folder: Path
    out: Path

    @property
    def key(self) -> str:
        """The submission ID of the first time; the same study and run always have the same."""
        content = repr((self.name, self.text, str(self.folder), str(self.out)))
        return f"{_PREFIX}{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    @property
    def command(self) -> str:
        """What runs on the head, in a folder that holds the study file."""
        arguments = ["run", f"{self.name}.toml", "--relative-to", self.folder, "--out", self.out]
        return shlex.join(["python", "-m", "augsearch", *map(str, arguments), "--engine", "ray"])


class JobServer:
    """The job server of a Ray cluster.

    Ray's own variables say which token to show: RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, else the
    file ``~/.ray/auth_token``.

    Args:
        address: "http://HEAD:8265".

    Raises:
        AugsearchError: Ray is not installed, nobody answers, or the token is not the cluster's.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        if not self.address.startswith(("http://", "https://")):
            raise AugsearchError(
                f"--address must be that of a job server, http://HEAD:8265, but got {address!r}."
            )
        self._client = self._connected()

    @property
    def is_open(self) -> bool:
        """Whether it takes jobs from anyone, without a token."""
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.address}/api/jobs/", timeout=10).close()
            return True
        return False

    def submit(self, submission: Submission) -> tuple[Job, bool]:
        """Send a study, unless it was sent before and runs or has succeeded.

        Returns:
            The job, and whether it was sent now.
        """
        key, jobs = submission.key, {job.name: job for job in self.jobs()}
        name, number = key, 1
        while name in jobs:
            if jobs[name].status not in _GOES_ON:
                return jobs[name], False
            number += 1
            name = f"{key}-{number}"
        threads = os.environ.get("OMP_NUM_THREADS")
        with tempfile.TemporaryDirectory(prefix="augsearch-submit-") as folder, self._asking():
            write_text(Path(folder) / f"{submission.name}.toml", submission.text)
            self._client.submit_job(
                entrypoint=submission.command,
                submission_id=name,
                runtime_env={
                    "working_dir": folder,
                    "env_vars": {"OMP_NUM_THREADS": threads} if threads else {},
                },
                metadata={"study": submission.name, "out": str(submission.out)},
            )
        return self.job(name), True

    def job(self, name: str) -> Job:
        """Return what is known of a job.

        Raises:
            AugsearchError: There is no such job.
        """
        with self._asking(name):
            return _job(self._client.get_job_info(name))

    def jobs(self) -> list[Job]:
        """Return the studies that were sent, by name."""
        with self._asking():
            found = self._client.list_jobs()
        ours = [one for one in found if str(one.submission_id).startswith(_PREFIX)]
        return sorted(map(_job, ours), key=lambda job: job.name)

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """Yield what a job printed, piece by piece; with `follow` until it has ended."""
        self.job(name)
        with self._asking(name):
            if not follow:
                yield self._client.get_job_logs(name)
                return
            pieces = self._client.tail_job_logs(name)
            with asyncio.Runner() as runner:
                while (piece := runner.run(_following(pieces))) is not None:
                    yield piece

    def cancel(self, name: str) -> bool:
        """Stop a job; return whether it was running."""
        with self._asking(name):
            return bool(self._client.stop_job(name))

    def _connected(self) -> JobSubmissionClient:
        _choose_token()
        # Ray would rather take these than the address that it is given.
        os.environ["RAY_API_SERVER_ADDRESS"] = self.address
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            from ray.job_submission import JobSubmissionClient
        except ImportError:
            raise AugsearchError(
                "jobs need Ray but it is not installed; pip install 'augsearch[ray]'."
            ) from None
        with self._asking():
            client = JobSubmissionClient(self.address)
        for name in _TALKATIVE:
            logging.getLogger(f"ray.{name}").setLevel(logging.WARNING)
        return client

    @contextlib.contextmanager
    def _asking(self, name: str | None = None) -> Iterator[None]:
        """Say what went wrong in terms of the user's."""
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError as error:
            raise AugsearchError(
                f"the job server {self.address} must be shown the cluster's token but was shown "
                "none, or another one; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
            ) from error
        except (RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())
            if name is not None and "404" in reason:
                known = ", ".join(job.name for job in self.jobs()) or "none"
                raise AugsearchError(
                    f"there must be a job {name!r} on {self.address} but there is not; there are: "
                    f"{known}."
                ) from error
            raise AugsearchError(
                f"--address must be that of the job server of a Ray cluster but {self.address} "
                f"says: {reason[:300]}"
            ) from error


async def _following(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


def _choose_token() -> None:
    """Let Ray show a token, if there is one, though nobody told it to."""
    kept = Path.home() / ".ray" / "auth_token"
    given = os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
    if given or kept.exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _job(details: Any) -> Job:
    metadata = details.metadata or {}
    return Job(
        name=str(details.submission_id),
        status=str(details.status.value),
        study=metadata.get("study", ""),
        out=metadata.get("out", ""),
        message=details.message or "",
    )
