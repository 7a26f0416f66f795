import errno
import os

import pytest

from augsearch.controller.run_directory.claiming import claimed, same_text, settle
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.numbering import following, latest
from augsearch.errors import DataError, RunDirectoryError, StorageError
from augsearch.events import Warned
from augsearch.files import exclusive, write_json
from augsearch.study.schema.study import StudyFile


def study(**changes):
    settings = {"name": "tiny", "data": {"kind": "demo"}, "arms": {"real": {}}} | changes
    return StudyFile.model_validate(settings)


@pytest.fixture
def base(tmp_path):
    return tmp_path / "runs" / "tiny"


def start(base, changed=None, fresh=False):
    """Begin a run as far as the end of its data stage; return its directory."""
    settings = changed or study()
    with claimed(base, settings, fresh) as directory:
        settle(directory, settings, "# as written")
    return directory.path


def fail(base, error, fresh=False):
    with (
        pytest.raises(type(error), match=str(error)),
        claimed(base, study(), fresh) as directory,
    ):
        write_json(directory.artifacts / "data" / "images.json", {})
        raise error


def test_a_run_is_gone_on_with_and_fresh_ones_stand_beside_it(base):
    assert (latest(base, "tiny"), following(base)) == (base, base)
    assert start(base) == start(base) == base
    assert (base / "study.toml").read_text() == "# as written"
    for number in range(2, 12):
        assert start(base, fresh=True) == base.with_name(f"tiny-{number}")
    assert latest(base, "tiny") == start(base) == base.with_name("tiny-11")  # not by the alphabet
    assert following(base) == base.with_name("tiny-12")


def test_a_study_called_as_another_one_with_a_number_is_left_alone(base):
    start(base)
    start(base.with_name("tiny-2"), study(name="tiny-2"))
    assert latest(base, "tiny") == start(base) == base
    assert start(base, fresh=True) == base.with_name("tiny-3")
    assert latest(base.with_name("tiny-2"), "tiny-2") == base.with_name("tiny-2")


@pytest.mark.parametrize("content", ["[]", "5", "{}"])
def test_a_folder_beside_it_that_is_no_run_is_left_alone(base, content):
    base.with_name("tiny-2").mkdir(parents=True)
    (base.with_name("tiny-2") / "study.json").write_text(content)
    assert latest(base, "tiny") == start(base) == base


def test_a_run_that_never_began_leaves_nothing(base, tmp_path):
    fail(base, DataError("no images"))
    assert list(tmp_path.iterdir()) == []
    start(base)
    fail(base, DataError("no images"), fresh=True)
    assert list(base.parent.iterdir()) == [base]


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "empty").mkdir()
    fail(tmp_path / "empty", DataError("no images"))
    fail(tmp_path / "empty" / "deep" / "run", DataError("no images"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_is_no_run_and_nothing_begins_beside_it(tmp_path, fresh):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunDirectoryError, match="but is a file; choose another --out"):
        start(tmp_path / "file", fresh=fresh)
    with pytest.raises(RunDirectoryError, match="is not empty and not a run of augsearch"):
        start(tmp_path, fresh=fresh)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert not tmp_path.with_name(f"{tmp_path.name}-2").exists()


def test_a_run_that_began_stays_whatever_happens(base):
    start(base)
    fail(base, StorageError("disk full"))
    assert (base / "artifacts" / "data" / "images.json").exists()


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_one_that_was_stopped_while_reading_images_is_gone_on_with(base, ending):
    with pytest.raises(ending), claimed(base, study(), fresh=False) as directory:
        write_json(directory.artifacts / "data" / "images.json", {})
        directory.log(Warned("class 'fluid' has only 3 training images"))
        raise ending
    assert not (base / "study.json").exists()
    with claimed(base, study(seed=5), fresh=False) as directory:  # nothing is settled yet
        assert (directory.artifacts / "data" / "images.json").exists()
        assert directory.warnings == []
    fail(base, DataError("no images"))
    assert not base.exists()


def test_a_run_whose_study_was_removed_to_be_made_again_keeps_its_warnings(base):
    directory = RunDirectory(start(base))
    directory.remember("data", {})
    directory.log(Warned("a collapse"))
    (base / "study.json").unlink()
    start(base)
    assert directory.warnings == ["a collapse"]


def test_a_run_whose_study_was_removed_outlives_an_error(base):
    directory = RunDirectory(start(base))
    directory.remember("data", {})
    (base / "study.json").unlink()
    fail(base, DataError("an image is away"))
    assert directory.remembers("data")


def test_a_run_whose_study_was_removed_goes_on_with_the_same_study_file_alone(base):
    directory = RunDirectory(start(base))
    same_text(directory, "another")  # for study.json to say
    (base / "study.json").unlink()
    same_text(directory, "another")  # nothing was computed yet
    directory.remember("data", {})
    same_text(directory, "# as written")
    with pytest.raises(RunDirectoryError, match=r"lacks study\.json, .* or add --fresh"):
        same_text(directory, "another")
    (base / "study.toml").unlink()
    with pytest.raises(RunDirectoryError, match=r"lacks study\.json"):
        same_text(directory, "# as written")


def test_a_folder_of_something_else_is_refused_and_left_alone(base):
    base.mkdir(parents=True)
    (base / "thesis.txt").write_text("mine")
    with (
        pytest.raises(RunDirectoryError, match="not empty and not a run"),
        claimed(base, study(), fresh=False),
    ):
        pytest.fail("must not be entered")
    assert [path.name for path in base.iterdir()] == ["thesis.txt"]


def test_a_changed_study_is_refused_with_the_difference(base):
    start(base)
    with pytest.raises(RunDirectoryError) as caught:
        start(base, study(seed=5, images={"size": 32}))
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  seed: 0 -> 5", "  images.size: 64 -> 32"]
    assert "--fresh" in lines[-1]
    assert start(base, study(tracking={"enabled": False})) == base  # changes no number
    assert start(base, study(seed=5), fresh=True) == base.with_name("tiny-2")


def test_two_at_once_are_told_apart(base):
    start(base)
    with exclusive(base / "run.lock"):
        fail(base, RunDirectoryError(f"in use by process {os.getpid()}"))
    assert start(base) == base


def test_a_finished_run_that_cannot_be_written_is_read(base, monkeypatch):
    def refuse(lock, timeout):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "run.lock")

    start(base)
    monkeypatch.setattr("augsearch.files.FileLock.acquire", refuse)
    words = r"cannot write .*run\.lock: Read-only file system. Choose a place that can be written"
    with pytest.raises(StorageError, match=words):
        start(base)
    (base / "results.json").write_text("{}")
    assert start(base) == base
    with pytest.raises(RunDirectoryError, match="seed: 0 -> 5"):
        start(base, study(seed=5))
