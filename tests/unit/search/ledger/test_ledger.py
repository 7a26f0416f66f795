import json
import logging
import math
import sqlite3
import threading
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from augsearch.errors import AugsearchError, RunDirectoryError, StorageError
from augsearch.files import exclusive
from augsearch.search import find_optimal_multiple
from augsearch.search.ledger.database import calling_optuna
from augsearch.search.ledger.ledger import LedgerError, stored_evaluations


def peak(k):
    return 0.9 - 0.01 * abs(k - 4)


def refuse(k):
    pytest.fail(f"multiple {k} was evaluated again")


def load(storage, name="augsearch"):
    return optuna.load_study(study_name=name, storage=storage)


def completed(study):
    trials = study.get_trials(states=(TrialState.COMPLETE,))
    return [trial.params["multiple"] for trial in sorted(trials, key=lambda t: t.number)]


def stop_after(n, score=peak):
    def until(k):
        if k > n:
            raise KeyboardInterrupt
        return score(k)

    return until


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/new/folder/ledger.db"


@pytest.fixture
def loaded():
    """Read a study of a URL and close the connection again."""
    opened = []

    def load_url(url, name="augsearch"):
        storage = RDBStorage(url)
        opened.append(storage)
        return load(storage, name)

    yield load_url
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


def test_trials_hold_the_amount_the_mean_and_the_scores(url, loaded):
    find_optimal_multiple(lambda k: [k, k + 1], max_multiple=2, storage=url)
    trials = loaded(url).trials
    assert [t.params for t in trials] == [{"multiple": 1.0}, {"multiple": 2.0}]
    assert [t.value for t in trials] == [1.5, 2.5]
    assert [t.user_attrs["scores"] for t in trials] == [[1, 2], [2, 3]]
    assert loaded(url).user_attrs["search"] == {
        "rule": "SlidingWindow",
        "window": 12,
        "start": 1,
        "step": 1,
        "max_multiple": 2,
        "min_delta": 0.0,
        "direction": "maximize",
    }


@pytest.mark.parametrize(("direction", "worst"), [("maximize", -math.inf), ("minimize", math.inf)])
def test_scores_that_are_not_finite_are_kept_and_complete(url, loaded, direction, worst):
    odd = {1: [math.nan, 0.5], 2: [math.inf], 3: [-math.inf, math.inf], 4: [0.5, 0.5]}
    with pytest.raises(ValueError, match="replicates"):
        find_optimal_multiple(odd.__getitem__, direction=direction, storage=url)
    odd[2] = [math.inf, 0.5]
    first = find_optimal_multiple(odd.__getitem__, max_multiple=4, direction=direction, storage=url)
    again = find_optimal_multiple(refuse, max_multiple=4, direction=direction, storage=url)
    assert repr(again.history) == repr(first.history)  # NaN is not equal to itself
    assert again.multiple == 4
    trials = loaded(url).trials
    assert {t.state for t in trials} == {TrialState.COMPLETE}
    assert [t.value for t in trials] == [worst] * 3 + [0.5]
    # JSON in the narrow sense: other programs read the database too.
    for trial in trials:
        json.dumps(trial.user_attrs, allow_nan=False)


@pytest.mark.parametrize("kind", ["memory", "url", "journal", "rdb"])
def test_any_storage_goes_on_where_it_stopped(tmp_path, kind):
    storage = {
        "memory": lambda: InMemoryStorage(),
        "url": lambda: f"sqlite:///{tmp_path}/ledger.db",
        "journal": lambda: JournalStorage(JournalFileBackend(str(tmp_path / "journal.log"))),
        "rdb": lambda: RDBStorage("sqlite:///:memory:"),
    }[kind]()
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(stop_after(3), window=3, storage=storage)
    seen = []
    found = find_optimal_multiple(lambda k: seen.append(k) or peak(k), window=3, storage=storage)
    assert seen == [4, 5, 6, 7]
    assert found == find_optimal_multiple(peak, window=3)
    assert find_optimal_multiple(refuse, window=3, storage=storage) == found
    if kind == "rdb":
        storage.remove_session()
        storage.engine.dispose()


def test_callbacks_are_not_called_for_what_was_stored():
    storage, seen = InMemoryStorage(), []
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(stop_after(3), window=3, storage=storage)
    find_optimal_multiple(
        peak, window=3, storage=storage, callbacks=[lambda e, best: seen.append(e.multiple)]
    )
    assert seen == [4, 5, 6, 7]


def test_an_exception_leaves_the_trial_running_and_it_is_finished_in_place():
    storage = InMemoryStorage()
    with pytest.raises(ZeroDivisionError):
        find_optimal_multiple(lambda k: 1 / (3 - k), window=3, storage=storage)
    states = [t.state for t in load(storage).trials]
    assert states == [TrialState.COMPLETE] * 2 + [TrialState.RUNNING]
    find_optimal_multiple(peak, max_multiple=3, storage=storage)
    assert [t.state for t in load(storage).trials] == [TrialState.COMPLETE] * 3


class Batch:
    def __init__(self, score):
        self.score = score

    def score_many(self, multiples):
        return ([self.score(multiple)] for multiple in multiples)


def test_a_killed_batch_is_finished_in_place_by_whatever_comes_next():
    storage = InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(Batch(stop_after(2)), window=5, storage=storage)
    assert [t.state.name for t in load(storage).trials] == ["COMPLETE"] * 2 + ["RUNNING"] * 3
    found = find_optimal_multiple(peak, window=5, storage=storage)
    assert found == find_optimal_multiple(peak, window=5)
    assert [t.number for t in load(storage).trials] == list(range(9))
    assert completed(load(storage)) == list(range(1, 10))


def test_a_smaller_window_cuts_the_history_and_a_larger_one_goes_on():
    storage = InMemoryStorage()
    long = find_optimal_multiple(peak, window=6, storage=storage)
    assert find_optimal_multiple(refuse, window=2, storage=storage).stopped_at == 6
    assert find_optimal_multiple(refuse, window=6, storage=storage) == long
    assert find_optimal_multiple(peak, window=8, storage=storage).stopped_at == 12
    assert find_optimal_multiple(refuse, window=8, max_multiple=5, storage=storage).stopped_at == 5
    assert completed(load(storage)) == list(range(1, 13))


def test_what_is_no_longer_needed_fails_and_is_asked_for_anew_later():
    storage = InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(Batch(stop_after(4)), window=8, storage=storage)
    find_optimal_multiple(Batch(refuse), max_multiple=4, window=8, storage=storage)
    assert [t.state.name for t in load(storage).trials] == ["COMPLETE"] * 4 + ["FAIL"] * 4
    found = find_optimal_multiple(Batch(peak), window=8, storage=storage)
    assert found == find_optimal_multiple(peak, window=8)
    assert completed(load(storage)) == list(range(1, 13))


def test_a_trial_failed_by_hand_is_evaluated_anew_in_order():
    storage = InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(Batch(stop_after(2)), window=5, storage=storage)
    load(storage).tell(2, state=TrialState.FAIL)
    find_optimal_multiple(Batch(peak), window=5, storage=storage)
    assert completed(load(storage)) == list(range(1, 10))


def test_a_foreign_trial_in_the_queue_is_set_aside():
    storage = InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(stop_after(2), window=3, storage=storage)
    load(storage).enqueue_trial({"multiple": 40.0})
    load(storage).ask()  # takes the 40
    load(storage).ask()  # has no amount at all
    find_optimal_multiple(peak, window=3, storage=storage)
    assert completed(load(storage)) == list(range(1, 8))


def test_somebody_else_enqueueing_meanwhile_is_named():
    storage = InMemoryStorage()

    def meddle(evaluation, best):
        load(storage).enqueue_trial({"multiple": 40.0})

    with pytest.raises(LedgerError, match="another process has put multiple 40 in"):
        find_optimal_multiple(peak, window=3, storage=storage, callbacks=[meddle])
    find_optimal_multiple(peak, window=3, storage=storage)
    assert completed(load(storage)) == list(range(1, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 2}, "holds multiple 1 where .* tries 2 .*start was 1 and is now 2"),
        ({"step": 0.5}, r"holds multiple 2 where .* tries 1\.5 .*step was 1 and is now 0\.5"),
        ({"direction": "minimize"}, "stored with direction maximize but is asked to minimize"),
    ],
)
def test_settings_that_do_not_fit_what_is_stored(change, message):
    storage = InMemoryStorage()
    find_optimal_multiple(peak, window=2, storage=storage)
    with pytest.raises(LedgerError, match=message) as caught:
        find_optimal_multiple(refuse, window=2, storage=storage, **change)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AugsearchError)
    # The refused search changed nothing.
    assert find_optimal_multiple(refuse, window=2, storage=storage).multiple == 4


def sweep(score, storage, amounts, rule="sweep", **settings):
    return find_optimal_multiple(score, rule=rule, amounts=amounts, storage=storage, **settings)


def test_amounts_from_0_to_the_largest_count_are_kept(url, loaded):
    amounts = (0, 0.5, 1, 10_000_000)
    found = sweep(peak, url, amounts)
    assert sweep(refuse, url, amounts) == found
    assert completed(loaded(url)) == list(amounts)
    ranges = {repr(trial.distributions["multiple"]) for trial in loaded(url).trials}
    assert len(ranges) == 1  # Optuna's analyses leave out parameters whose range changes
    settings = loaded(url).user_attrs["search"]
    assert settings == {"rule": "Sweep", "amounts": list(amounts), "direction": "maximize"}


def test_a_list_goes_on_at_its_end_and_is_cut_there():
    storage, seen = InMemoryStorage(), []
    short = sweep(peak, storage, (1, 2, 4))
    long = sweep(lambda k: seen.append(k) or peak(k), storage, (1, 2, 4, 8, 16))
    assert seen == [8, 16]
    assert long.history[:3] == short.history
    assert long == sweep(peak, None, (1, 2, 4, 8, 16))
    assert sweep(refuse, storage, (1, 2, 4)) == short


def test_another_rule_over_the_same_list_reads_what_is_stored():
    storage = InMemoryStorage()
    curve = {1: 0.8, 2: 0.89, 4: 0.9}.get
    assert sweep(curve, storage, (1, 2, 4)).multiple == 4
    assert sweep(refuse, storage, (1, 2, 4), "saturation", tolerance=0.02).multiple == 2
    assert sweep(refuse, storage, (1, 2, 4), "saturation", tolerance=0.2).multiple == 1


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ((1, 3, 4), r"holds multiple 2 where .* tries 3 \(amounts was \[1, 2, 4\] and is now "),
        ((0, 1, 2), r"holds multiple 1 where .* tries 0 .* is now \[0, 1, 2\]\)"),
    ],
)
def test_a_list_that_does_not_begin_with_what_is_stored(amounts, message):
    storage = InMemoryStorage()
    sweep(peak, storage, (1, 2, 4))
    with pytest.raises(LedgerError, match=message):
        sweep(refuse, storage, amounts)
    assert sweep(refuse, storage, (1, 2, 4)).multiple == 4


def test_another_rule_that_tries_something_else_is_named():
    storage = InMemoryStorage()
    find_optimal_multiple(peak, window=2, storage=storage)
    with pytest.raises(LedgerError, match="rule was SlidingWindow and is now Sweep; window was 2"):
        sweep(refuse, storage, (1, 3))


def test_another_number_of_replicates_than_stored():
    storage = InMemoryStorage()
    find_optimal_multiple(peak, window=2, storage=storage)
    with pytest.raises(ValueError, match="score must give 1 replicates for every multiple"):
        find_optimal_multiple(lambda k: [peak(k)] * 2, window=3, storage=storage)
    for window in (2, 3):  # finished or not, nothing is trained
        with pytest.raises(LedgerError, match="replicates must be 1, as of what is stored, but"):
            find_optimal_multiple(refuse, window=window, replicates=2, storage=storage)


def test_someone_elses_study_is_left_alone():
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="theirs", direction="maximize")
    study.add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(LedgerError, match="'theirs' holds trials that are not augsearch's"):
        find_optimal_multiple(refuse, storage=storage, study_name="theirs")


def test_studies_share_a_database_one_after_the_other(url):
    one = find_optimal_multiple(peak, window=2, storage=url, study_name="one")
    two = find_optimal_multiple(lambda k: -k, window=2, storage=url, study_name="two")
    assert (one.multiple, two.multiple) == (4, 1)
    assert find_optimal_multiple(refuse, window=2, storage=url, study_name="one") == one


def test_a_held_database_says_who_holds_it(tmp_path):
    with (
        exclusive(tmp_path / "ledger.db.lock"),
        pytest.raises(RunDirectoryError, match=r"ledger\.db is in use by process"),
    ):
        find_optimal_multiple(refuse, storage=f"sqlite:///{tmp_path}/ledger.db")


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(StorageError, match=r"ledger is damaged: .*not a database"):
        find_optimal_multiple(refuse, storage=f"sqlite:///{tmp_path}/ledger.db")


def test_changed_scores_are_noticed(tmp_path):
    file = tmp_path / "ledger.db"
    url = f"sqlite:///{file}"
    find_optimal_multiple(peak, window=2, storage=url)
    whole, before = file.read_bytes(), stored_evaluations(url, "augsearch")
    score = whole.index(b"0.87") + 3  # of K = 1, as text
    for place in (score - 1, score):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(StorageError, match="ledger is damaged: trial 0 does not match its che"):
            stored_evaluations(url, "augsearch")
    file.write_bytes(whole)
    assert stored_evaluations(url, "augsearch") == before


def test_a_page_of_zeros_is_noticed_wherever_it_is(tmp_path):
    file = tmp_path / "ledger.db"
    url = f"sqlite:///{file}"
    find_optimal_multiple(peak, window=2, storage=url)
    whole, page = file.read_bytes(), 4096
    for start in range(0, len(whole), page):
        file.write_bytes(whole[:start] + bytes(page) + whole[start + page :])
        with pytest.raises(StorageError, match="ledger is damaged"):
            find_optimal_multiple(refuse, window=2, storage=url)


def test_a_full_disk_is_named_and_the_search_goes_on_afterwards(tmp_path):
    file = tmp_path / "ledger.db"
    storage = RDBStorage(f"sqlite:///{file}")
    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(stop_after(2), window=3, storage=storage)
    storage.remove_session()
    storage.engine.dispose()

    # SQLite's own limit on the file size gives SQLite's own "database or disk is full".
    with sqlite3.connect(file) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    full = RDBStorage(f"sqlite:///{file}")
    full.engine.dispose()
    sqlalchemy.event.listen(
        full.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages}")
    )
    with pytest.raises(StorageError, match="disk is full") as caught:
        find_optimal_multiple(peak, window=300, storage=full)
    assert "goes on where it stopped" in str(caught.value)
    full.remove_session()
    full.engine.dispose()

    found = find_optimal_multiple(peak, window=3, storage=f"sqlite:///{file}")
    assert found == find_optimal_multiple(peak, window=3)


def test_optuna_stays_quiet_and_its_verbosity_is_the_users(capsys, url):
    logger = logging.getLogger("optuna")
    before, inside = logger.level, []
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        find_optimal_multiple(lambda k: inside.append(logger.level) or k, window=1, max_multiple=2,
                              storage=url)  # fmt: skip
        assert logger.level == optuna.logging.DEBUG
        assert set(inside) == {optuna.logging.DEBUG}
    finally:
        optuna.logging.set_verbosity(before)
    assert capsys.readouterr() == ("", "")


def test_searches_in_threads_leave_optunas_verbosity_as_it_was():
    logger = logging.getLogger("optuna")
    before = logger.level
    first, second = threading.Event(), threading.Event()

    def search():
        with calling_optuna():
            first.set()
            second.wait(30)

    thread = threading.Thread(target=search)
    thread.start()
    first.wait(30)
    with calling_optuna():
        second.set()
        thread.join(30)
        assert logger.level == max(before, logging.WARNING)
    assert logger.level == before


@pytest.mark.parametrize("storage", [Path("search.db"), optuna.load_study, 3])
def test_what_is_no_storage_is_refused(storage):
    with pytest.raises(LedgerError, match=r"must be an Optuna storage or its URL .*sqlite:///"):
        find_optimal_multiple(refuse, storage=storage)


def test_what_is_stored_can_be_read_without_a_search(tmp_path):
    url = f"sqlite:///{tmp_path / 'search.db'}"
    assert stored_evaluations(url, "mine") == []

    def score(multiple):
        if multiple == 3:
            raise KeyboardInterrupt
        return [0.5, float("nan")] if multiple == 1 else [0.25, 0.75]

    with pytest.raises(KeyboardInterrupt):
        find_optimal_multiple(score, storage=url, study_name="mine")
    found = stored_evaluations(url, "mine")
    assert [(one.multiple, one.score) for one in found][1:] == [(2, 0.5)]
    assert found[0].multiple == 1 and math.isnan(found[0].score)
    assert stored_evaluations(url, "other") == []
