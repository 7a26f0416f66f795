"""Runs on a real Ray cluster: one node of this machine, started once, with token authentication."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

FOLDS = """\
seed = 3
device = "cpu"
[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = 24
[split]
method = "k-fold"
n_folds = 2
test = 0.4
[sources.acgan]
kind = "acgan"
strategy = "per-class"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 60
snapshot_every = 60
checkpoint_every = 10
[sources.classic]
kind = "classic"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[classifiers.small]
kind = "end-to-end"
network = "fridadar2018"
epochs = 1
[arms.real]
[arms.search]
search = {source = "acgan", window = 1, max_multiple = 3}
[arms.small]
classifier = "small"
add = [{source = "classic", multiple = 2}]
[audit]
images_per_class = 20
[evaluation]
replicates = 2
test_replicates = 2
[tracking]
enabled = false
"""

QUICK = """\
[images]
size = 8
[data]
kind = "demo"
train = 24
tune = 24
test = 24
[split]
method = "given"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[evaluation]
test_replicates = 1
[tracking]
enabled = false
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in taken]


class Head:
    """A cluster of one node that does nothing else."""

    def __init__(self, folder):
        gcs, self.dashboard, client, agent = free_ports(4)
        self.address = f"127.0.0.1:{gcs}"
        arguments = {
            "num-cpus": 2,
            "port": gcs,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": self.dashboard,
            "dashboard-agent-listen-port": agent,
            "ray-client-server-port": client,
            "min-worker-port": 10002,
            "max-worker-port": 19999,
            "object-store-memory": 200_000_000,
            "temp-dir": folder,
            "include-log-monitor": False,
        }
        options = [f"--{name}={value}" for name, value in arguments.items()]
        ray = Path(sys.executable).with_name("ray")
        self.log = Path(folder) / "head.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [ray, "start", "--head", "--block", *options],
                stdout=log,
                stderr=log,
                env=os.environ | {"PATH": f"{ray.parent}:{os.environ['PATH']}"},
            )

    def wait(self):
        deadline = time.monotonic() + 120
        while "Ray runtime started" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def workers(self, doing="ray::perform"):
        """Process numbers of the workers that are making a call now."""
        parents, names = {}, {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                names[int(path.name)] = (path / "cmdline").read_bytes().decode(errors="replace")
                stat = (path / "stat").read_text().rpartition(")")[2].split()
                parents[int(path.name)] = int(stat[1])
        return [
            pid
            for pid, name in names.items()
            if name.startswith(doing) and self.process.pid in _above(pid, parents)
        ]


def _above(pid, parents):
    found = []
    while pid := parents.get(pid):
        found.append(pid)
    return found


@pytest.fixture(scope="module")
def head():
    """Give the cluster; this process and its children have its token, and one thread each."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray") as folder:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        # Else its workers let every other test go first.
        patch.setenv("RAY_worker_niceness", "0")
        # Workers that are started before anyone asks have another environment than calls need.
        patch.setenv("RAY_prestart_worker_first_driver", "0")
        head = Head(folder)
        try:
            head.wait()
            yield head
        finally:
            head.stop()


@pytest.fixture(scope="module")
def finished(head, command_line, tmp_path_factory):
    """The study run by the local engine, on as many threads as the workers have."""
    command = command_line(tmp_path_factory.mktemp("local"))
    command.write(FOLDS, "folds.toml")
    done = command("run", "folds.toml", "--quiet")
    assert done.returncode == 0, done.stderr
    return command


def test_killed_workers_and_controllers_leave_the_numbers_of_one_machine(head, finished, augsearch):
    augsearch.write(FOLDS, "folds.toml")
    command = ("run", "folds.toml", "--engine", "ray", "--address", head.address)
    run = augsearch.folder / "runs" / "folds"
    process = augsearch.start(*command)
    killed = []
    for line in process.stderr:
        if line.startswith("stage: sources"):
            killed = _kill_in_training(head, run / "artifacts")
        if line.startswith("stage: search search"):
            break
    process.kill()
    process.communicate()
    assert killed and process.returncode == -signal.SIGKILL
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    begun = [entry["iteration"] for entry in log if entry["event"] == "TrainingBegun"]
    assert begun.count(0) >= 4 and max(begun) >= 10  # two classes in two folds; one went on
    done = augsearch(*command)
    assert done.returncode == 0, done.stderr
    assert augsearch.numbers("runs/folds") == finished.numbers("runs/folds")
    # Trained again on this machine, the classifier says what the workers' said, or this fails.
    done = augsearch("export", "runs/folds", "--what", "features", "--quiet")
    assert done.returncode == 0, done.stderr


def _kill_in_training(head, artifacts):
    """Kill the workers as soon as a training of theirs has a checkpoint; return who they were."""
    deadline = time.monotonic() + 120
    while not list(artifacts.glob("source-acgan-fold?/class?/checkpoint.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = head.workers()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    return workers


def test_what_the_cluster_cannot_give_is_refused_at_once(head, augsearch):
    augsearch.write(FOLDS.replace('"cpu"', '"cuda"'))
    done = augsearch("run", "tiny.toml", "--engine", "ray", "--address", head.address)
    assert done.returncode == 2
    assert "device must be one that the Ray cluster has but got 'cuda'" in done.stderr
    assert "has 2 CPUs and 0 GPUs" in done.stderr
    assert not (augsearch.folder / "runs").exists()


def test_an_error_on_a_worker_comes_out_as_itself(head, augsearch):
    wild = "iterations = 60\ngenerator_learning_rate = 1e12"
    augsearch.write(FOLDS.replace("iterations = 60", wild))
    done = augsearch("run", "tiny.toml", "--engine", "ray", "--address", head.address)
    assert done.returncode == 3, done.stderr
    assert "training diverged at iteration" in done.stderr
    assert "Traceback" not in done.stderr and "ray::" not in done.stderr


@pytest.fixture
def job(head, augsearch, monkeypatch):
    """Give the command line in a folder with a study, and the job server's address set."""
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{head.dashboard}")
    augsearch.write(QUICK, "quick.toml")
    return augsearch


def test_a_study_is_sent_once_and_followed(job):
    sent = job("submit", "quick.toml")
    assert sent.returncode == 0, sent.stderr
    name = re.search(r"^sent: (augsearch-quick-\w+)$", sent.stdout, re.M)[1]
    assert "takes jobs" not in sent.stderr  # the server wants a token
    again = job("submit", "quick.toml")
    assert f"sent before: {name} is" in again.stdout
    told = job("logs", name, "--follow")
    assert told.returncode == 0, told.stderr
    assert "stage: search real" in told.stdout and "report: " in told.stdout
    (known,) = [one for one in json.loads(job("status", "--json").stdout) if one["name"] == name]
    assert (known["status"], known["out"]) == ("SUCCEEDED", str(job.folder / "runs" / "quick"))
    assert job.results("runs/quick")["arms"]["real"]["score"] is not None
    assert f"sent before: {name} is done" in job("submit", "quick.toml").stdout
    assert f"{name} is done already" in job("cancel", name).stdout


def test_a_job_is_stopped_and_goes_on_when_it_is_sent_again(job):
    job.write("seed = 2\n" + QUICK, "quick.toml")
    first = re.search(r"^sent: (\S+)$", job("submit", "quick.toml").stdout, re.M)[1]
    assert f"stopped: {first}" in job("cancel", first).stdout
    deadline = time.monotonic() + 60
    while f"{first}: stopped" not in job("status", first).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    second = re.search(r"^sent: (\S+)$", job("submit", "quick.toml").stdout, re.M)[1]
    assert second == f"{first}-2"
    job("cancel", second)


def test_strangers_and_wrong_names_are_told_so(job, monkeypatch):
    unknown = job("logs", "augsearch-none")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there must be a job 'augsearch-none'" in unknown.stderr
    monkeypatch.setenv("RAY_AUTH_TOKEN", "guessed")
    refused = job("submit", "quick.toml")
    assert refused.returncode == 2
    assert "must be shown the cluster's token" in refused.stderr
    assert "guessed" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "ray", "--address", "127.0.0.1:9"], "connecting to '127.0.0.1:9' failed"),
        (["--engine", "ray", "--address", "http://h:8265"], "use `augsearch submit STUDY"),
        (["--address", "127.0.0.1:6379"], "--address must go with --engine ray"),
    ],
)
def test_an_address_without_a_cluster_is_refused(call, tmp_path, options, message):
    (tmp_path / "tiny.toml").write_text(FOLDS)
    code, out, err = call("run", "tiny.toml", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "runs").exists()
