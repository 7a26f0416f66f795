"""`augsearch submit`, `status`, `logs`, `cancel`: studies as jobs of a Ray cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augsearch.cli.options import AsJson, StudyPath
from augsearch.messages import command_line

if TYPE_CHECKING:
    from augsearch.controller.jobs import Job

Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS",
        metavar="URL",
        help="the cluster's job server, http://HEAD:8265",
    ),
]
JobName = Annotated[str, typer.Argument(metavar="JOB", help="as `augsearch submit` printed it")]


def submit(
    study: StudyPath,
    address: Address,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder of the run, as the cluster sees it", show_default="runs/<study name>"
        ),
    ] = None,
    unchecked: Annotated[
        bool,
        typer.Option(
            "--unchecked", help="do not look here for what the study names: it lies on the cluster"
        ),
    ] = False,
) -> None:
    """Send a study to a Ray cluster as a job; sent twice, it does not run twice."""
    from augsearch.controller.jobs import JobServer, Submission
    from augsearch.study.loading import load_study_file, study_name

    name = study_name(study) if unchecked else load_study_file(study).name
    place = (out or Path("runs") / name).absolute()
    text = study.read_text(encoding="utf-8")
    server = JobServer(address)
    job, new = server.submit(Submission(name, text, study.parent.absolute(), place))
    typer.echo(f"sent: {job.name}" if new else f"sent before: {job.name} is {_words(job)}")
    typer.echo(f"run directory on the cluster: {job.out}")
    typer.echo(
        "follow: " + command_line(["augsearch", "logs", job.name, "--follow", "--address", address])
    )
    if server.is_open:
        typer.echo(
            f"warning: {address} takes jobs, which may be any command, from anyone who reaches it; "
            "start the cluster with RAY_AUTH_MODE=token and a token.",
            err=True,
        )


def status(
    address: Address,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="one job", show_default="all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how far studies are that were sent to a Ray cluster."""
    from dataclasses import asdict

    from augsearch.controller.jobs import JobServer

    server = JobServer(address)
    jobs = server.jobs() if job is None else [server.job(job)]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in jobs], indent=2))
        return
    for one in jobs:
        typer.echo(f"{one.name}: {_words(one)}, run directory {one.out}")
    if not jobs:
        typer.echo("no study was sent")


def logs(
    job: JobName,
    address: Address,
    follow: Annotated[bool, typer.Option("--follow", help="go on until the job has ended")] = False,
) -> None:
    """Print what a study that was sent to a Ray cluster has said so far."""
    from augsearch.controller.jobs import JobServer

    for piece in JobServer(address).logs(job, follow):
        typer.echo(piece, nl=False)


def cancel(job: JobName, address: Address) -> None:
    """Stop a study that was sent to a Ray cluster; sent again, it goes on where it stopped."""
    from augsearch.controller.jobs import JobServer

    server = JobServer(address)
    stopped = server.cancel(job)
    typer.echo(f"stopped: {job}" if stopped else f"{job} is {_words(server.job(job))} already")


def _words(job: Job) -> str:
    return {
        "PENDING": "waiting",
        "RUNNING": "running",
        "SUCCEEDED": "done",
        "FAILED": "failed",
        "STOPPED": "stopped",
    }.get(job.status, job.status.lower())
