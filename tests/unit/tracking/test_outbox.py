import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from augsearch.errors import StorageError, TrackingError
from augsearch.tracking.outbox import (
    Action,
    Destination,
    FileAdded,
    Outbox,
    ParametersSet,
    Point,
    PointsLogged,
    RunClosed,
    RunOpened,
    cursor_path,
)

ACTIONS: list[tuple[str, Action]] = [
    ("run:a", RunOpened("a", "arm a")),
    ("run:a/0", RunOpened("a/0", "fold 0", parent="a")),
    ("parameters:a", ParametersSet("a", {"größe": "64", "line": "one\ntwo"})),
    ("points", PointsLogged((Point("a", "score", 3, 0.1), Point("a/0", "score", 3, -math.inf)))),
    ("file", FileAdded("a", "figures/roc.svg", "figures")),
    ("close:a", RunClosed("a", {"verdict": "helps"})),
]


def opened(folder: Path) -> Outbox:
    return Outbox.open(folder / "outbox.jsonl", "http://localhost:1", "study")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    box = opened(tmp_path)
    assert box.append(ACTIONS) == len(ACTIONS)
    again = Outbox(box.path)
    assert again.entries == box.entries
    assert [(entry.id, entry.action) for entry in again.entries] == ACTIONS
    assert again.destination == box.destination


def test_nan_is_kept_in_strict_json(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    box = opened(tmp_path)
    box.append([("nan", PointsLogged((Point("a", "score", 1, math.nan),)))])
    for line in box.path.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    action = Outbox(box.path).entries[0].action
    assert isinstance(action, PointsLogged)
    assert math.isnan(action.points[0].value)


def test_a_known_name_is_not_written_again_and_keeps_its_first_time(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS[:2])
    before = box.path.read_bytes()
    assert box.append([ACTIONS[0], ("run:a", RunOpened("a", "renamed"))]) == 0
    assert opened(tmp_path).append(ACTIONS[:2]) == 0
    assert box.path.read_bytes() == before


def test_one_call_with_a_name_twice_writes_it_once(tmp_path: Path) -> None:
    box = opened(tmp_path)
    assert box.append([ACTIONS[0], ACTIONS[0]]) == 1
    assert len(Outbox(box.path).entries) == 1


def test_a_line_torn_at_any_byte_is_repaired_by_the_next_append(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS[:3])
    whole = box.path.read_bytes()
    last_line = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(last_line, len(whole)):
        box.path.write_bytes(whole[:length])
        torn = opened(tmp_path)
        assert [entry.id for entry in torn.entries] == ["run:a", "run:a/0"]
        torn.append(ACTIONS)
        assert [(e.id, e.action) for e in Outbox(box.path).entries] == ACTIONS


def test_a_torn_first_line_begins_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    path.write_text('{"destination": {"uri"')
    box = opened(tmp_path)
    box.append(ACTIONS)
    assert Outbox(path).destination == box.destination


def test_any_changed_bit_of_an_entry_is_noticed(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS[:3])
    whole = box.path.read_bytes()
    for place in range(whole.index(b"\n") + 1, len(whole) - 1):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            box.path.write_bytes(damaged)
            with pytest.raises(TrackingError, match=r"outbox.jsonl is damaged: line \d is not"):
                Outbox(box.path)


def test_a_destination_cut_short_after_something_was_sent_is_not_begun_anew(
    tmp_path: Path,
) -> None:
    box = opened(tmp_path)
    box.path.write_bytes(box.path.read_bytes()[:30])
    cursor_path(box.path).write_text("{}")
    with pytest.raises(TrackingError, match="must be the outbox of a run"):
        opened(tmp_path)
    box.path.unlink()
    assert opened(tmp_path).entries == []


def test_a_damaged_destination_is_not_begun_anew(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS)
    whole = box.path.read_bytes()
    box.path.write_bytes(whole.replace(b"study_run", b"study_rum", 1))
    with pytest.raises(TrackingError, match="damaged: line 1 is not"):
        opened(tmp_path)
    box.path.write_bytes(whole)
    assert opened(tmp_path).destination == box.destination


def test_a_damaged_line_is_not_passed_over(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS)
    lines = box.path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\0" * 20 + b"\n"
    box.path.write_bytes(b"".join(lines))
    with pytest.raises(TrackingError, match="line 3 is not what was written"):
        opened(tmp_path)


def test_a_new_destination_keeps_the_study_run(tmp_path: Path) -> None:
    first = opened(tmp_path).destination
    Outbox.open(tmp_path / "outbox.jsonl", "http://localhost:2", "study")
    second = Outbox(tmp_path / "outbox.jsonl").destination
    assert (second.uri, second.study_run) == ("http://localhost:2", first.study_run)


def test_an_outbox_that_still_says_where_artifacts_go_is_read(tmp_path: Path) -> None:
    place = {"artifact_location": "file:///elsewhere"}
    earlier = Destination("http://localhost:1", "study", "0" * 16)
    path = tmp_path / "outbox.jsonl"
    path.write_text(json.dumps({"destination": asdict(earlier) | place}) + "\n")
    before = path.read_bytes()
    assert opened(tmp_path).destination == earlier
    assert path.read_bytes() == before


def test_two_run_directories_are_told_apart(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "one"), opened(tmp_path / "two")
    assert one.destination.study_run != two.destination.study_run


def test_no_outbox_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="tracking switched on"):
        Outbox(tmp_path / "outbox.jsonl")


def test_a_failed_write_counts_for_nothing(tmp_path: Path) -> None:
    box = opened(tmp_path / "run")
    box.path.rename(tmp_path / "elsewhere")
    box.path.parent.rmdir()
    with pytest.raises(StorageError, match="goes on where it stopped"):
        box.append(ACTIONS)
    assert box.entries == []
    assert "run:a" not in box
    box.path.parent.mkdir()
    (tmp_path / "elsewhere").rename(box.path)
    assert box.append(ACTIONS) == len(ACTIONS)
    assert len(Outbox(box.path).entries) == len(ACTIONS)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000 + b"]" * 100_000,
        *(b'"x"', b"7", b"[]", b"{}", b'{"destination": []}', b'{"destination": {"uri": 3}}'),
        b'{"id": {}, "time_ms": 1, "kind": "TagsSet", "run": "a", "tags": {}}',
        b'{"id": "x", "time_ms": 1, "kind": "TagsSet", "run": [], "tags": {}}',
        b'{"id": "x", "time_ms": 1, "kind": "TagsSet", "run": "a", "tags": {"a": {}}}',
        b'{"id": "x", "time_ms": 1, "kind": "TagsSet", "run": "a", "tags": {}, "more": 1}',
        b'{"id": "x", "time_ms": 1, "kind": "PointsLogged", "points": [["a", "score", 1]]}',
        b'{"id": "x", "time_ms": 1, "kind": "PointsLogged", "points": 7}',
        b'{"id": "x", "time_ms": 1, "kind": [], "run": "a", "tags": {}}',
    ],
)
def test_a_line_of_another_shape_is_refused(tmp_path: Path, line: bytes) -> None:
    box = opened(tmp_path)
    box.append(ACTIONS)
    box.path.write_bytes(box.path.read_bytes() + line + b"\n")
    with pytest.raises(TrackingError, match=f"line {len(ACTIONS) + 2} is not what was written"):
        Outbox(box.path)


def test_a_file_is_opened_for_writing_to_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_on_windows(number: int) -> None:
        os.pwrite(number, b"", 0)  # an OSError where it is only read

    box = Outbox.open(tmp_path / "outbox.jsonl", "sqlite:///x.db", "study")
    monkeypatch.setattr(os, "fsync", as_on_windows)
    box.flush()
