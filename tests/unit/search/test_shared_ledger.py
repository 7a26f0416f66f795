"""The ledger in a real PostgreSQL: one owner, a server that goes away, nothing lost or twice."""

import subprocess
import sys
import threading
import time

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from augsearch.errors import RunDirectoryError, StorageError
from augsearch.events import Disturbed
from augsearch.search import find_optimal_multiple
from augsearch.search.ledger import database as patience
from augsearch.search.ledger.database import LostConnectionError, calling_optuna
from augsearch.search.ledger.ledger import stored_evaluations
from augsearch.search.ledger.ownership import Ownership, ledger_url, owned
from augsearch.search.tuning import try_settings
from augsearch.seeds import Seed
from augsearch.study.schema.tune import TuneOptions


def peak(k):
    return 0.9 - 0.01 * abs(k - 4)


def refuse(k):
    pytest.fail(f"multiple {k} was evaluated again")


@pytest.fixture
def states():
    """Read (number, amount, state) of every trial of a study."""
    opened = []

    def read(url, name="augsearch"):
        storage = optuna.storages.RDBStorage(url.replace("postgresql:", "postgresql+psycopg:"))
        opened.append(storage)
        study = optuna.load_study(study_name=name, storage=storage)
        return [(t.number, t.params.get("multiple"), t.state) for t in study.trials]

    yield read
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


def once_each(last):
    return [(k - 1, float(k), TrialState.COMPLETE) for k in range(1, last + 1)]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_S", 1.0)


def test_a_search_goes_on_in_another_connection(database, states):
    def until(k):
        if k > 3:
            raise KeyboardInterrupt
        return peak(k)

    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(until, window=3, storage=database)
    found = find_optimal_multiple(peak, window=3, storage=database)
    assert found == find_optimal_multiple(peak, window=3)
    assert find_optimal_multiple(refuse, window=3, storage=database) == found
    assert stored_evaluations(database, "augsearch") == list(found.history)
    assert states(database) == once_each(7)


def test_two_processes_that_make_the_tables_at_once(database):
    code = (
        "import sys; from augsearch import find_optimal_multiple; "
        "find_optimal_multiple(lambda k: k, max_multiple=2, storage=sys.argv[1], "
        "study_name=sys.argv[2])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, database, name], stderr=subprocess.PIPE)
        for name in ("one", "two")
    ]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert ended == [(b"", 0)] * 2
    for name in ("one", "two"):
        assert len(stored_evaluations(database, name)) == 2


class Restarts:
    """A score during which the server is ended and started again at chosen amounts."""

    def __init__(self, postgres, at):
        self.postgres, self.at, self.seen = postgres, at, []

    def __call__(self, k):
        self.seen.append(k)
        if k in self.at:
            self.postgres.stop()
            # It comes back while the search waits for it.
            threading.Timer(1.5, self.postgres.start).start()
        return peak(k)


def wait_for(postgres):
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert postgres.ask("SELECT 1")


def test_a_server_that_restarts_in_mid_search_is_waited_for(postgres, database, states):
    told, score = [], Restarts(postgres, at={2, 5})
    found = find_optimal_multiple(score, window=3, storage=database, notify=told.append)
    wait_for(postgres)
    assert found == find_optimal_multiple(peak, window=3)
    assert score.seen == list(range(1, 8))
    assert states(database) == once_each(7)
    assert [type(event) for event in told] == [Disturbed] * 2
    assert "does not answer and is waited for" in told[0].message
    assert postgres.password not in told[0].message


def test_a_server_that_restarts_between_two_searches_is_waited_for(postgres, database):
    told = []
    first = find_optimal_multiple(peak, max_multiple=2, storage=database, study_name="one")
    postgres.stop()
    threading.Timer(1.0, postgres.start).start()
    second = find_optimal_multiple(
        peak, max_multiple=2, storage=database, study_name="two", notify=told.append
    )
    wait_for(postgres)
    assert second == first
    assert [type(event) for event in told] == [Disturbed]


def test_a_server_that_stays_away_is_named_and_nothing_is_lost(
    postgres, database, states, impatient
):
    def score(k):
        if k == 3:
            postgres.stop()
        return peak(k)

    told = []
    with pytest.raises(LostConnectionError, match="goes on where it stopped") as caught:
        find_optimal_multiple(score, window=3, storage=database, notify=told.append)
    assert postgres.password not in str(caught.value)
    assert len(told) == 1
    with pytest.raises(StorageError, match="cannot be reached"):
        find_optimal_multiple(refuse, window=3, storage=database)
    postgres.start()
    seen = []
    found = find_optimal_multiple(lambda k: seen.append(k) or peak(k), window=3, storage=database)
    assert seen == [3, 4, 5, 6, 7]
    assert found == find_optimal_multiple(peak, window=3)
    assert states(database) == once_each(7)


def test_a_transaction_whose_connection_is_gone_is_a_lost_connection(postgres, database):
    # Optuna asks once more in the same transaction when a query for all trials fails.
    engine = create_engine(ledger_url(database))
    with engine.connect() as broken:
        pid = broken.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with engine.connect() as other:
            other.execute(text(f"SELECT pg_terminate_backend({pid})"))
        with pytest.raises(OperationalError):
            broken.execute(text("SELECT 1"))
        with pytest.raises(LostConnectionError), calling_optuna():
            broken.execute(text("SELECT 1"))
    engine.dispose()


class Breaks:
    """Breaks the connection at the n-th commit: just before it, or after it, the answer lost."""

    def __init__(self, monkeypatch, at, arrived):
        from sqlalchemy.orm import Session

        self.commits, real = 0, Session.commit

        def commit(session):
            self.commits += 1
            if self.commits == at:
                if arrived:
                    real(session)
                raise OperationalError("COMMIT", {}, ConnectionError("server closed"))
            return real(session)

        monkeypatch.setattr(Session, "commit", commit)


class Batch:
    """Scores all certain amounts together, as a run does."""

    def score_many(self, multiples):
        return ([peak(multiple)] for multiple in multiples)


@pytest.mark.parametrize("arrived", [False, True], ids=["lost", "arrived"])
def test_whatever_call_the_connection_breaks_at_every_amount_is_there_once(monkeypatch, arrived):
    # In memory, where a hundred searches are cheap; the fault is that of a server.
    storage = optuna.storages.RDBStorage("sqlite:///:memory:")
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr("optuna.storages._rdb.storage.random.random", lambda: 0.0)

    def search(name, at):
        with monkeypatch.context() as patched:
            counted = Breaks(patched, at, arrived)
            found = find_optimal_multiple(Batch(), max_multiple=2, storage=storage, study_name=name)
        assert found == find_optimal_multiple(Batch(), max_multiple=2)
        return counted.commits

    for at in range(1, search("whole", 0) + 1):
        search(f"break {at}", at)
        trials = optuna.load_study(study_name=f"break {at}", storage=storage).trials
        complete = [t.params["multiple"] for t in trials if t.state == TrialState.COMPLETE]
        assert complete == [1, 2], at
        assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.FAIL}, at
    assert at > 20
    storage.remove_session()
    storage.engine.dispose()


def test_settings_are_tried_once_each_through_a_restart(postgres, database):
    options = TuneOptions(method="grid", parameters={"head.c": (0.1, 1.0, 10.0)})
    restarts, told = Restarts(postgres, at={2}), []
    call = {
        "direction": "maximize",
        "seed": Seed.of(0),
        "storage": database,
        "study_name": "real (tune)",
        "notify": told.append,
    }
    trials = try_settings(lambda number, _: [restarts(number + 1)], options, **call)
    wait_for(postgres)
    assert restarts.seen == [1, 2, 3]
    assert [trial.setting["head.c"] for trial in trials] == [0.1, 1.0, 10.0]
    assert try_settings(lambda number, _: refuse(number), options, **call) == trials
    assert len(told) == 1


def test_a_study_has_one_owner_whatever_machine_it_runs_on(database):
    seen = []

    def score(k):
        seen.append(k)
        with pytest.raises(RunDirectoryError, match=r"study 'augsearch' is in use by process \d+"):
            find_optimal_multiple(refuse, storage=database)
        return find_optimal_multiple(peak, window=2, storage=database, study_name="other").score

    find_optimal_multiple(score, max_multiple=1, storage=database)
    assert seen == [1]


def test_a_killed_owner_leaves_the_study_free(database):
    code = (
        "import sys, time; from augsearch.search.ledger.ownership import owned\n"
        "with owned(sys.argv[1], 'run'): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, database], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(RunDirectoryError, match=f"run is in use by process {process.pid} on"),
            owned(database, "run"),
        ):
            pytest.fail("owned twice")
        process.kill()
    deadline = time.monotonic() + 10
    while True:
        try:
            with owned(database, "run") as ownership:
                assert isinstance(ownership, Ownership)
                return
        except RunDirectoryError:  # the server needs a moment to notice
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_owner_holds_on_through_a_restart_and_notices_a_successor(postgres, database):
    with owned(database, "run") as first:
        postgres.stop()
        postgres.start()
        first.hold()
        with pytest.raises(RunDirectoryError), owned(database, "run"):
            pytest.fail("owned twice")
        postgres.stop()
        postgres.start()
        with owned(database, "run"), pytest.raises(RunDirectoryError, match="run is in use by"):
            first.hold()


def test_an_owner_ends_a_connection_of_its_own_that_only_the_server_believes_in(database):
    owner = Ownership(ledger_url(database), "run")
    owner.hold()
    lost, owner._connection = owner._connection, None  # as after a network that failed one way
    owner.hold()
    owner.release()
    lost.invalidate()
    lost.close()
    with owned(database, "run"):
        pass


def test_a_wrong_password_is_named_at_once_and_not_repeated(postgres):
    begin = time.monotonic()
    with pytest.raises(StorageError, match="password authentication failed") as caught:
        find_optimal_multiple(refuse, storage=postgres.url(password="S3cret-and-wrong"))
    assert "S3cret" not in str(caught.value)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://ann:S3cret@host/db", "needs a database driver that is not there"),
        ("oracle+nodriver://ann:S3cret@host/db", "needs a database driver that is not there"),
        ("mysql://ann:S3cret@host/db", "install appropriate one\\. For PostgreSQL: pip install"),
        ("ann:S3cret@host/db", "its URL but got"),
        ("postgresql://ann:S3cret@host:port/db", "its URL but got 'postgresql://\\*\\*\\*@host"),
    ],
)
def test_a_url_that_is_of_no_use_is_named_without_its_password(url, message):
    with pytest.raises((StorageError, ValueError), match=message) as caught:
        find_optimal_multiple(refuse, storage=url)
    shown = str(caught.value)
    assert "://ann" not in shown
    assert "S3cret" not in shown
