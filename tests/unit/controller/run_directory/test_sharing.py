"""What runs on several machines share: whose trials are whose, what is fetched, what is refused."""

import json
import uuid

import fsspec
import pytest

from augsearch.controller.run_directory import keeping
from augsearch.controller.run_directory.claiming import claimed, settle
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.keeping import Keeper
from augsearch.controller.run_directory.numbering import following, latest
from augsearch.controller.run_directory.sharing import Stores
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.events import StageStarted, TrialCompleted, Warned
from augsearch.files import write_json
from augsearch.records import Evaluation
from augsearch.search.ledger.ledger import open_ledger, stored_evaluations
from augsearch.study.schema.study import StudyFile
from augsearch.tracking.outbox import Outbox, TagsSet

TRIAL = TrialCompleted("real", Evaluation.of(1, [0.5]), None)


def study(**changes):
    settings = {"name": "tiny", "data": {"kind": "demo"}, "arms": {"real": {}}} | changes
    return StudyFile.model_validate(settings)


@pytest.fixture
def stores(tmp_path):
    """A database of its own, and a store in memory."""
    return Stores(
        ledger=f"sqlite:///{tmp_path / 'shared.db'}", artifacts=f"memory://{uuid.uuid4().hex}/runs"
    )


@pytest.fixture
def begin(tmp_path):
    """Begin a run on a machine, or go on with it, as far as its data; send what it made."""

    def begin(machine, stores, fresh=False, settings=None):
        base = tmp_path / machine / "tiny"
        settings = settings or study()
        with claimed(base, settings, fresh, stores) as directory:
            settle(directory, settings, f"# {machine}")
            write_json(directory.artifacts / "source" / f"{machine}.json", machine)
            Keeper(directory, pytest.fail).finish()
        return directory

    return begin


def test_another_machine_goes_on_with_the_run_and_fetches_folders_as_they_are_needed(begin, stores):
    one = begin("one", stores)
    other = begin("two", stores)
    assert other.shared.identity == one.shared.identity
    assert other.study_name("real") == one.study_name("real") == f"{one.shared.identity}/real"
    assert (other.path / "study.toml").read_text() == "# one"
    third = RunDirectory(other.path.parent.parent / "three" / "tiny", stores)
    assert not third.artifacts.exists()
    assert {path.name for path in third.folder("source").iterdir()} == {"one.json", "two.json"}


def test_runs_of_one_name_without_a_store_have_identities_of_their_own(begin, stores):
    database = Stores(ledger=stores.ledger)
    runs = [begin(machine, database) for machine in ("one", "two")]
    names = {run.study_name("real") for run in runs}
    assert len(names) == 2
    for score, name in enumerate(sorted(names)):
        with open_ledger(stores.ledger, name, "maximize") as ledger:
            ledger.replay(_Nothing(), {})
            ledger.tell(ledger.ask(1.0), Evaluation.of(1.0, [score]))
    scores = [stored_evaluations(stores.ledger, name)[0].scores for name in sorted(names)]
    assert scores == [(0.0,), (1.0,)]


class _Nothing:
    def propose(self, history):
        return []


def test_without_stores_a_run_is_as_it_always_was(begin):
    run = begin("one", Stores())
    assert run.ledger_url == f"sqlite:///{run.path / 'ledger.db'}"
    assert run.study_name("real") == "real"
    assert not (run.path / "identity.json").exists()


def test_another_study_of_that_name_is_refused(begin, stores):
    begin("one", stores)
    with pytest.raises(RunDirectoryError, match="seed"):
        begin("two", stores, settings=study(seed=5))


def test_another_run_of_that_name_is_refused(begin, stores):
    begin("one", stores)
    begin("two", Stores(ledger=stores.ledger))
    with pytest.raises(RunDirectoryError, match="has another one called 'tiny'; add --fresh"):
        begin("two", stores)


def test_fresh_and_latest_count_what_lies_in_the_store(begin, stores, tmp_path):
    first, second = begin("one", stores), begin("one", stores, fresh=True)
    assert (first.path.name, second.path.name) == ("tiny", "tiny-2")
    base = tmp_path / "two" / "tiny"
    assert latest(base, "tiny", stores) == base.with_name("tiny-2")
    assert following(base, stores) == base.with_name("tiny-3")
    assert latest(base, "other", stores) == latest(base, "tiny") == base
    assert begin("two", stores).shared.identity == second.shared.identity


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (True, False, "keeps its trials in a shared database but none is given"),
        (False, True, r"was begun with its trials in ledger\.db and must go on there"),
    ],
)
def test_a_run_stays_with_the_kind_of_ledger_that_it_began_with(
    begin, stores, before, after, message
):
    begin("one", stores if before else Stores())
    with pytest.raises(RunDirectoryError, match=message):
        begin("one", Stores(ledger=stores.ledger) if after else Stores())


def test_a_database_that_does_not_know_the_run_is_refused(begin, tmp_path):
    first, second = (Stores(ledger=f"sqlite:///{tmp_path / name}") for name in ("a", "b"))
    begin("one", first)
    with pytest.raises(RunDirectoryError, match="does not know run 'tiny-"):
        begin("one", second)
    begin("one", first)
    assert str(tmp_path) not in repr(first)  # which may have a password in it


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_that_nobody_finds_again_is_refused_and_nothing_is_begun(tmp_path, url):
    """A killed run could not go on, and a finished one could not be reported on."""
    with (
        pytest.raises(RunDirectoryError, match="database that outlives the run but got"),
        claimed(tmp_path / "runs" / "tiny", study(), False, Stores(ledger=url)),
    ):
        pytest.fail("must not be entered")
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_before_the_study_is_settled_leaves_nothing(stores, tmp_path):
    base = tmp_path / "one" / "tiny"
    with (
        pytest.raises(StorageError, match="no such image"),
        claimed(base, study(), False, stores),
    ):
        raise StorageError("no such image")
    assert not base.exists()


def test_a_fetched_run_that_is_refused_leaves_nothing_here_and_all_in_the_store(
    begin, stores, tmp_path
):
    begin("one", stores)
    for ledger in (None, f"sqlite:///{tmp_path / 'other.db'}"):
        with pytest.raises(RunDirectoryError, match="give"):
            begin("two", Stores(ledger, stores.artifacts))
    with pytest.raises(RunDirectoryError, match="seed"):
        begin("two", stores, settings=study(seed=5))
    with (
        pytest.raises(StorageError, match="no such image"),
        claimed(tmp_path / "two" / "tiny", study(), False, stores),
    ):
        raise StorageError("no such image")
    assert not (tmp_path / "two").exists()
    assert begin("two", stores).shared.identity == begin("one", stores).shared.identity
    with pytest.raises(RunDirectoryError, match="give"):
        begin("two", Stores(artifacts=stores.artifacts))
    assert (tmp_path / "two" / "tiny" / "study.json").exists()  # of a run that had begun here


def test_what_a_start_that_failed_elsewhere_warned_of_is_no_warning_of_the_run(
    begin, stores, tmp_path
):
    """Its images were others, or split in another way."""
    with (
        pytest.raises(StorageError, match="no such image"),
        claimed(tmp_path / "one" / "tiny", study(), False, stores) as directory,
    ):
        directory.log(Warned("class 'fluid' has only 3 training images"))
        Keeper(directory, pytest.fail).finish()
        raise StorageError("no such image")
    assert begin("two", stores).warnings == []


def test_back_on_a_machine_a_run_knows_what_was_logged_and_told_elsewhere_meanwhile(begin, stores):
    def work(machine, word):
        run = begin(machine, stores)
        run.log(Warned(word))
        outbox = Outbox.open(run.outbox, "http://127.0.0.1:9", "tiny")
        outbox.append([(word, TagsSet("study", {"word": word}))])
        Keeper(run, pytest.fail).finish()
        return run

    first = work("one", "a")
    with first.outbox.open("a") as file:
        file.write('{"id": "torn')
    work("two", "b")
    for machine, words in (("one", "abc"), ("two", "abcd")):
        run = work(machine, words[-1])
        assert run.warnings == list(words)
        assert sorted(entry.id for entry in Outbox(run.outbox).entries) == list(words)


def test_a_store_in_the_run_directory_is_refused_and_nothing_is_begun(tmp_path):
    base = tmp_path / "runs" / "tiny"
    for place in (base.parent, base, base / "artifacts" / "deep"):
        with (
            pytest.raises(StorageError, match="must lie outside the run directory"),
            claimed(base, study(), False, Stores(artifacts=place.as_uri())),
        ):
            pytest.fail("must not be entered")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(keeping.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def failing(monkeypatch):
    """A switch: whether the store fails, and how often it was asked meanwhile."""
    system, state = fsspec.filesystem("memory"), {"fails": False, "asked": 0}
    real = type(system).find

    def find(self, *arguments, **options):
        state["asked"] += 1
        if state["fails"]:
            raise ConnectionError("gone")
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(system), "find", find)
    return state


def test_a_store_that_fails_disturbs_no_run_and_is_told_once(begin, stores, clock, failing):
    run, told = begin("one", stores), []
    keeper = Keeper(run, told.append)
    failing["fails"] = True
    for _ in range(5):
        keeper.listen(StageStarted("search"))
        keeper.listen(TRIAL)
    assert len(told) == 1
    assert "must answer but does not: gone" in told[0].message
    keeper.finish()
    assert "the same command sends the rest" in told[1].message

    failing["fails"] = False
    write_json(run.artifacts / "late.json", 1)
    clock[0] += 61
    keeper.listen(TRIAL)
    assert json.loads(run.shared.store.read("study.json"))["name"] == "tiny"
    assert fsspec.filesystem("memory").find(stores.artifacts.removeprefix("memory:/"))
    assert len(told) == 2


def test_within_a_stage_files_are_sent_now_and_then_and_at_its_end_always(
    begin, stores, clock, failing
):
    keeper = Keeper(begin("one", stores), pytest.fail)
    keeper.listen(TRIAL)
    asked = failing["asked"]
    for _ in range(100):
        keeper.listen(TRIAL)
    assert failing["asked"] == asked
    keeper.listen(StageStarted("test"))
    assert failing["asked"] > asked
    asked = failing["asked"]
    clock[0] += 6
    keeper.listen(TRIAL)
    assert failing["asked"] > asked


def test_of_two_runs_that_began_at_once_under_one_name_the_second_sends_nothing(begin, stores):
    begin("one", stores)
    run, told = begin("two", Stores(ledger=stores.ledger)), []
    late = RunDirectory(run.path, stores)
    Keeper(late, told.append).finish()
    assert [type(event) for event in told] == [Warned] * 2
    assert "another run called 'tiny' has begun" in told[0].message
    assert json.loads(late.shared.store.read("identity.json")) != late.shared.identity
