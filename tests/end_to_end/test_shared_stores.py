"""A run on two machines: its trials in PostgreSQL, its files in a store, killed on one, ended on
the other. A machine is a folder here; they share nothing but database and store."""

import json
import shutil
import signal
import threading

import pytest

from augsearch import load_study
from augsearch.errors import StorageError
from augsearch.events import TrialCompleted, Warned
from augsearch.search.ledger import database as patience
from augsearch.search.ledger.ledger import stored_evaluations


def everything_in(*folders):
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()


@pytest.fixture(scope="module")
def machines(tmp_path_factory, command_line, postgres, tiny_run):
    """Three machines, and what leads to database and store (tiny_run knows neither)."""
    root = tmp_path_factory.mktemp("machines")
    url = postgres.new_database()
    environment = {"AUGSEARCH_LEDGER": url, "AUGSEARCH_ARTIFACTS": (root / "share").as_uri()}
    made = []
    for name in ("one", "two", "three"):
        (root / name).mkdir()
        made.append(command_line(root / name))
        made[-1].write()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        yield (*made, url, root / "share")


@pytest.fixture(scope="module")
def killed(machines):
    """What the first machine said before it was killed in mid-search, and the second meanwhile."""
    one, two, *_ = machines
    process = one.start("run", "tiny.toml")
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("search: K = 2"):
            process.send_signal(signal.SIGSTOP)  # it still owns the run, and does not finish it
            beside = two("run", "tiny.toml")
            process.kill()
            break
    process.communicate()
    assert said[-1].startswith("search: K = 2"), said
    return beside


@pytest.fixture(scope="module")
def ended(machines, killed):
    """The second machine's run to its end."""
    done = machines[1]("run", "tiny.toml")
    assert done.returncode == 0, done.stderr
    return done


def test_two_machines_do_not_work_on_one_run(killed, machines):
    assert killed.returncode == 2
    assert "is in use by process" in killed.stderr
    assert "Traceback" not in killed.stderr


def test_a_run_goes_on_on_another_machine_with_the_same_numbers(machines, ended, tiny_run):
    one, two, *_ = machines
    assert two.numbers() == tiny_run[0].numbers()
    assert not (one.folder / "runs/tiny/results.json").exists()
    # The generator came from the store, and the amounts from the database.
    assert "acgan: " not in ended.stderr
    assert "search: K = 1," not in ended.stderr
    generators = [
        machine.folder / "runs/tiny/artifacts/source-acgan-fold0/checkpoint.safetensors"
        for machine in (one, two)
    ]
    assert generators[0].read_bytes() == generators[1].read_bytes()


def test_the_result_is_there_for_every_machine(machines, ended):
    two, three = machines[1:3]
    done = three("run", "tiny.toml")
    assert (done.returncode, done.stdout.replace(str(three.folder), str(two.folder))) == (
        0,
        ended.stdout,
    )
    assert three.results() == two.results()
    shutil.rmtree(three.folder / "runs/tiny/figures")
    again = three("report", "runs/tiny")
    assert again.returncode == 0, again.stderr
    assert (three.folder / "runs/tiny/report.html").stat().st_size > 10_000


def test_the_password_is_written_nowhere(machines, ended, postgres):
    one, two, three, _, share = machines
    secret = postgres.password.encode()
    found = [
        path
        for path, content in everything_in(one.folder, two.folder, three.folder, share)
        if secret in content
    ]
    assert found == []
    assert postgres.password not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("option", "url", "message"),
    [
        ("ledger", "postgresql://ann:S3cret@127.0.0.1:1/x", "ledger cannot be reached"),
        ("ledger", "postgres://ann:S3cret@127.0.0.1:1/x", "pip install 'augsearch[postgres]'"),
        ("ledger", "ann:S3cret@host/x", "storage must be an Optuna storage or its URL"),
        ("artifacts", "nonsense://ann:S3cret@host/x", "must be a URL that fsspec takes"),
        ("artifacts", "ftp://ann:S3cret@127.0.0.1:1/x", "must answer but does not"),
    ],
)
def test_a_store_that_cannot_be_used_is_named_and_nothing_is_begun(
    augsearch, monkeypatch, option, url, message
):
    for name in ("AUGSEARCH_LEDGER", "AUGSEARCH_ARTIFACTS"):  # what `machines` has set
        monkeypatch.delenv(name, raising=False)
    study = augsearch.write()
    done = augsearch("run", study.name, f"--{option}", url, "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "S3cret" not in done.stderr
    assert sorted(augsearch.folder.rglob("*")) == [study]


def test_runs_of_different_folders_share_a_database_that_goes_away_and_comes_back(
    machines, ended, postgres, tmp_path, monkeypatch, tiny_run
):
    """The same study a second time, in another folder; the server is away twice in mid-search."""
    _, two, _, url, _ = machines
    monkeypatch.chdir(tmp_path)
    study = load_study(two.folder / "tiny.toml")
    told, amounts = [], []

    def restart(event):
        told.append(event)
        if isinstance(event, TrialCompleted) and event.arm == "search":
            amounts.append(event.evaluation.multiple)
            if amounts[-1] in (2, 4):
                postgres.stop()
                if amounts[-1] == 2:
                    threading.Timer(1.0, postgres.start).start()
                else:
                    monkeypatch.setattr(patience, "PATIENCE_S", 0.5)

    with pytest.raises(StorageError, match="goes on where it stopped") as caught:
        study.run(ledger=url, notify=restart)
    assert caught.value.exit_code == 2
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert sum("does not answer and is waited for" in message for message in warnings) == 2
    assert not any(postgres.password in message for message in [*warnings, str(caught.value)])

    postgres.start()
    result = study.run(ledger=url, notify=restart)
    assert json.loads(result.model_dump_json(exclude={"seconds"})) == tiny_run[0].numbers()
    names = [name for name in _studies(postgres, url) if name.endswith("/search")]
    assert len(names) == 2
    first, second = (stored_evaluations(url, name) for name in names)
    assert first == second
    assert [one.multiple for one in first] == sorted({one.multiple for one in first})
    assert amounts == [one.multiple for one in first]


def _studies(postgres, url):
    rows = postgres.ask("SELECT study_name FROM studies", url.rpartition("/")[2])
    return [name for (name,) in rows]
