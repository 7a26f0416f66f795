import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from augsearch.controller.jobs import Job, JobServer, Submission
from augsearch.errors import AugsearchError

SENT = Submission("quick", "seed = 1\n", Path("/data/my studies"), Path("/runs/quick"))


def test_the_same_study_and_run_have_the_same_name():
    assert SENT.key == replace(SENT).key
    assert SENT.key.startswith("augsearch-quick-")
    others = [
        replace(SENT, text="seed = 2\n"),
        replace(SENT, out=Path("/runs/other")),
        replace(SENT, folder=Path("/data")),
        replace(SENT, name="quicker"),
    ]
    assert len({one.key for one in (SENT, *others)}) == 5


def test_the_job_is_a_run_whose_paths_start_where_the_study_was():
    assert shlex.split(SENT.command) == [
        *["python", "-m", "augsearch", "run", "quick.toml"],
        *["--relative-to", "/data/my studies", "--out", "/runs/quick", "--engine", "ray"],
    ]


class Client:
    """Keeps what it is given to submit."""

    def __init__(self):
        self.sent = []

    def submit_job(self, **options):
        (study,) = Path(options["runtime_env"]["working_dir"]).iterdir()
        self.sent.append((options["submission_id"], study.name, study.read_text()))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ("", True)),
        ({"": "RUNNING"}, ("", False)),
        ({"": "PENDING"}, ("", False)),
        ({"": "SUCCEEDED"}, ("", False)),
        ({"": "FAILED"}, ("-2", True)),
        ({"": "FAILED", "-2": "STOPPED"}, ("-3", True)),
        ({"": "STOPPED", "-2": "RUNNING"}, ("-2", False)),
    ],
)
def test_a_study_is_sent_again_only_if_it_neither_runs_nor_has_succeeded(
    monkeypatch, known, expected
):
    jobs = [
        Job(SENT.key + end, status, "quick", "/runs/quick", "") for end, status in known.items()
    ]
    client = Client()
    monkeypatch.setattr(JobServer, "_connected", lambda server: client)
    monkeypatch.setattr(JobServer, "jobs", lambda server: jobs)
    monkeypatch.setattr(
        JobServer, "job", lambda server, name: Job(name, "PENDING", "quick", "/runs/quick", "")
    )
    job, new = JobServer("http://head:8265/").submit(SENT)
    assert (job.name, new) == (SENT.key + expected[0], expected[1])
    assert client.sent == ([(job.name, "quick.toml", SENT.text)] if new else [])


def test_a_job_server_has_a_web_address():
    with pytest.raises(AugsearchError, match=r"http://HEAD:8265, but got 'head:6379'"):
        JobServer("head:6379")
