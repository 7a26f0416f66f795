"""What one machine made is on the other: whole, checked, and nothing beside it."""

import pickle
import sys
import threading
from pathlib import Path

import fsspec
import pytest
from fsspec.core import url_to_fs
from fsspec.registry import _registry

from augsearch.errors import StorageError
from augsearch.events import Disturbed
from augsearch.storage import ArtifactStore, artifact_store


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def files(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def stored(url):
    system, base = url_to_fs(url)
    system.invalidate_cache()
    return sorted(str(name).removeprefix(base).lstrip("/") for name in system.find(base))


def spoil(url, name, change):
    """Change the bytes of the only stored file whose name starts like this."""
    system, base = url_to_fs(url)
    found = next(one for one in stored(url) if one.startswith(name))
    content = system.cat_file(f"{base}/{found}")
    system.pipe_file(f"{base}/{found}", change(content))


MADE = {
    "source/checkpoint.safetensors": b"weights",
    "source/pool/class0_0-64.npy": b"images" * 1000,
    "source/empty.json": b"",
    "features/a b@c.npy": b"features",
}


@pytest.fixture
def here(tmp_path):
    root = tmp_path / "here"
    write(root, MADE)
    return root


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


def test_a_folder_sent_by_one_machine_is_fetched_by_another(url, here, there):
    one, other = ArtifactStore(url, here), ArtifactStore(url, there)
    assert one.push(here) == len(MADE)
    assert other.pull(there / "source") == 3
    assert files(there) == {name: MADE[name] for name in MADE if name.startswith("source")}
    assert other.pull(there) == 1
    assert files(there) == MADE
    assert other.pull(there) == other.push(there) == one.push(here) == 0


def test_nothing_there_is_nothing_fetched(url, there):
    assert ArtifactStore(url, there).pull(there / "source") == 0
    assert ArtifactStore(url, there).push(there / "source") == 0
    assert not there.exists()


def test_only_the_folder_itself_and_not_those_below(url, here, there):
    write(here, {"declaration.json": b"{}", "study.toml": b"seed = 0"})
    assert ArtifactStore(url, here).push(here) == 6
    assert ArtifactStore(url, there).pull(there, deep=False) == 2
    assert files(there) == {"declaration.json": b"{}", "study.toml": b"seed = 0"}


def test_a_changed_file_replaces_what_was_there_and_one_that_is_here_stays(url, here, there):
    store = ArtifactStore(url, here)
    store.push(here)
    write(here, {"source/checkpoint.safetensors": b"better weights"})
    assert store.push(here) == 1
    assert sum(name.startswith("source/checkpoint.safetensors@") for name in stored(url)) == 1
    write(there, {"source/empty.json": b"my own"})
    ArtifactStore(url, there).pull(there)
    assert files(there) == MADE | {
        "source/checkpoint.safetensors": b"better weights",
        "source/empty.json": b"my own",
    }


def test_another_process_does_not_send_again_what_is_there(url, here):
    ArtifactStore(url, here).push(here)
    before = stored(url)
    assert pickle.loads(pickle.dumps(ArtifactStore(url, here))).push(here) == 0
    assert stored(url) == before


def test_what_means_something_on_one_machine_only_stays_there(url, here):
    write(here, {"run.lock": b"", "run.lock.holder": b"process 1", "source/.x.npy.7.tmp": b"half"})
    write(here, {"patients.salt": b"secret"})
    assert ArtifactStore(url, here).push(here) == len(MADE)
    assert not any(word in name for name in stored(url) for word in ("lock", "tmp", "salt"))


def test_a_file_that_was_torn_on_its_way_does_not_count_and_is_sent_again(url, here, there):
    ArtifactStore(url, here).push(here)
    spoil(url, "source/pool", lambda content: content[:100])
    told = []
    assert ArtifactStore(url, there).pull(there, notify=told.append) == len(MADE) - 1
    assert "source/pool/class0_0-64.npy" not in files(there)
    assert told == []
    assert ArtifactStore(url, here).push(here) == 1
    assert ArtifactStore(url, there).pull(there) == 1
    assert files(there) == MADE


def test_damaged_content_is_told_never_fetched_and_sent_again(url, here, there):
    ArtifactStore(url, here).push(here)
    spoil(url, "source/pool", lambda content: b"X" + content[1:])
    told = []
    assert ArtifactStore(url, there).pull(there, notify=told.append) == len(MADE) - 1
    assert [type(event) for event in told] == [Disturbed]
    assert "source/pool/class0_0-64.npy" in told[0].message
    assert "was damaged" in told[0].message
    assert "source/pool/class0_0-64.npy" not in files(there)
    assert ArtifactStore(url, here).push(here) == 1
    assert ArtifactStore(url, there).pull(there) == 1
    assert files(there) == MADE


def test_the_version_before_serves_where_the_newest_was_torn(url, here, there, monkeypatch):
    store = ArtifactStore(url, here)
    store.push(here)
    monkeypatch.setattr(ArtifactStore, "_remove", lambda self, versions: None)
    write(here, {"source/checkpoint.safetensors": b"better weights"})
    store.push(here)
    spoil(url, "source/checkpoint.safetensors@2", lambda content: content[:3])
    ArtifactStore(url, there).pull(there)
    assert files(there) == MADE


def test_nothing_is_written_outside_the_root(url, here, there):
    ArtifactStore(url, here).push(here)
    system, base = url_to_fs(url)
    sha = "0" * 64
    for name in (f"source/../../escaped@1-4-{sha}", f"source/..\\escaped@1-4-{sha}", "notes.txt"):
        if not (url.startswith("file") and ".." in name):  # a folder resolves the name by itself
            system.pipe_file(f"{base}/{name}", b"evil")
    ArtifactStore(url, there).pull(there)
    assert files(there) == MADE
    assert not list(there.parent.rglob("escaped"))


def test_a_reader_beside_a_writer_gets_one_whole_content(tmp_path, here, there):
    url = (tmp_path / "share").as_uri()
    ended = threading.Event()

    def write_on():
        store = ArtifactStore(url, here)
        for number in range(60):
            write(here, {"source/checkpoint.safetensors": bytes([number]) * 200_000})
            store.push(here)
        ended.set()

    writer = threading.Thread(target=write_on)
    writer.start()
    seen = set()
    while not ended.is_set():
        ArtifactStore(url, there).pull(there)
        path = there / "source/checkpoint.safetensors"
        if path.exists():
            content = path.read_bytes()
            assert content in (MADE["source/checkpoint.safetensors"], content[:1] * 200_000)
            seen.add(content[:1])
            path.unlink()
    writer.join()
    assert len(seen) > 1


def test_a_store_that_never_holds_still_is_given_up(tmp_path, here, there, monkeypatch):
    url = (tmp_path / "share").as_uri()
    ArtifactStore(url, here).push(here)

    def gone(*args):
        raise artifact_store._GoneError

    monkeypatch.setattr(artifact_store, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(ArtifactStore, "_fetch", gone)
    with pytest.raises(StorageError, match="its files change all the time"):
        ArtifactStore(url, there).pull(there)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://ann:secret@host/x", "fsspec takes but got nonsense://\\*\\*\\*@host/x"),
        (
            "ftp://ann:secret@127.0.0.1:9/x",
            "ftp://\\*\\*\\*@127.0.0.1:9/x must answer but does not",
        ),
    ],
)
def test_a_store_that_cannot_be_used_is_named_without_its_password(url, message, here):
    store = ArtifactStore(url, here)
    with pytest.raises(StorageError, match=message) as caught:
        store.push(here)
    assert "secret" not in str(caught.value) + repr(store)


def test_without_the_extra_the_message_names_the_command_that_installs_it(here, monkeypatch):
    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StorageError, match=r"s3fs.*pip install 'augsearch\[s3\]'"):
        ArtifactStore("s3://bucket/x", here).push(here)


def test_a_bucket_that_is_missing_is_not_made(s3, here):
    with pytest.raises(StorageError, match="bucket does not exist"):
        ArtifactStore("s3://other-bucket/x", here).push(here)
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["bucket"]


def test_a_store_that_stops_answering_half_way_keeps_what_it_took(here, there, monkeypatch):
    url = "memory://half/runs"
    system = fsspec.filesystem("memory")
    opened, real = [], type(system).open

    def open_some(self, path, mode="rb", **options):
        opened.append(path)
        if len(opened) == 3:
            raise ConnectionError("gone, ask https://ann:secret@host")
        return real(self, path, mode, **options)

    monkeypatch.setattr(type(system), "open", open_some)
    store = ArtifactStore(url, here)
    with pytest.raises(StorageError, match="gone, ask https://\\*\\*\\*@host"):
        store.push(here)
    assert store.push(here) == len(MADE) - 2
    assert ArtifactStore(url, there).pull(there) == len(MADE)


def test_a_full_disk_here_is_named_as_such(here, there, monkeypatch):
    url = "memory://full/runs"
    ArtifactStore(url, here).push(here)
    there.mkdir()
    (there / "source").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match=f"cannot write {Path(there / 'source')}"):
        ArtifactStore(url, there).pull(there / "source")
