"""The outbox: an append-only file with all that MLflow is to be told, one JSON line per entry.

The first line says where the entries go. Each entry has a name that is the same in every attempt
at the run ("trial:search:7") and the time at which it was first written; an entry that is already
there is not written again, so a resumed run may say everything once more.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from augsearch.errors import TrackingError
from augsearch.files import sealed, unsealed, unwritable


@dataclass(frozen=True)
class Point:
    """One value of one curve of one run.

    Attributes:
        run: Key of the run, as in `RunOpened`.
        key: Name of the metric.
        step: Place on the x axis.
        value: The value; NaN and infinities are kept.
    """

    run: str
    key: str
    step: int
    value: float


@dataclass(frozen=True)
class RunOpened:
    """A run begins: its key in this study, the name to show, the key of its parent if any."""

    run: str
    name: str
    parent: str | None = None


@dataclass(frozen=True)
class ParametersSet:
    """Parameters of a run."""

    run: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class PointsLogged:
    """Points of one or more runs that belong together."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class FileAdded:
    """A file or folder beside the outbox becomes an artifact of a run; its path starts there."""

    run: str
    path: str
    folder: str


@dataclass(frozen=True)
class TagsSet:
    """Tags of a run, in the place of earlier values."""

    run: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RunClosed:
    """A run is finished."""

    run: str
    tags: Mapping[str, str]


Action = RunOpened | ParametersSet | PointsLogged | FileAdded | TagsSet | RunClosed
_KINDS: dict[str, type[Action]] = {
    kind.__name__: kind
    for kind in (RunOpened, ParametersSet, PointsLogged, FileAdded, TagsSet, RunClosed)
}


@dataclass(frozen=True)
class Entry:
    """An action with its name and the time (ms since 1970) at which it was first written."""

    id: str
    time_ms: int
    action: Action


@dataclass(frozen=True)
class Destination:
    """Where the entries go.

    Attributes:
        uri: MLflow tracking URI.
        experiment: Name of the experiment.
        study_run: Random id that keeps this run directory's runs apart from all others.
    """

    uri: str
    experiment: str
    study_run: str


_DESTINATION = TypeAdapter(Destination)
_ENTRY = TypeAdapter(Entry)
_ACTIONS = {name: TypeAdapter[Action](kind) for name, kind in _KINDS.items()}


def _encode(entry: Entry) -> str:
    fields = asdict(entry.action)
    if isinstance(entry.action, PointsLogged):
        # Strict JSON knows neither NaN nor infinity; their names as text come back by float().
        fields["points"] = [
            (p.run, p.key, p.step, p.value if math.isfinite(p.value) else str(p.value))
            for p in entry.action.points
        ]
    kind = type(entry.action).__name__
    return _line({"id": entry.id, "time_ms": entry.time_ms, "kind": kind, **fields})


def _line(fields: dict[str, Any]) -> str:
    return sealed(json.dumps(fields))


def _opened(line: bytes) -> dict[str, Any]:
    """Return what a line holds; one of an earlier version has its checksum in a field.

    Raises:
        ValueError: It is not what was written.
    """
    fields = json.loads(unsealed(line))
    if not isinstance(fields, dict):
        raise ValueError("a line must hold an object")
    fields.pop("crc32", None)
    return fields


def _decode(fields: dict[str, Any]) -> Entry:
    """Return the entry of a line.

    Raises:
        LookupError, TypeError, ValueError: It is none.
    """
    entry_id, time_ms, kind = (fields.pop(key) for key in ("id", "time_ms", "kind"))
    if kind == PointsLogged.__name__:
        fields["points"] = tuple(Point(*point) for point in fields["points"])
    action = _KINDS[kind](**fields)  # refuses keys that it does not know
    # As plain values: an instance would be taken as it is.
    head = {"id": entry_id, "time_ms": time_ms}
    return _ENTRY.validate_python(head | {"action": _ACTIONS[kind].validate_python(asdict(action))})


def cursor_path(outbox: Path) -> Path:
    """Return the file that says how far delivery has come; it is made after the outbox."""
    return outbox.with_suffix(".cursor.json")


def last_destination(path: Path) -> Destination | None:
    """Return where an outbox's entries go, without reading them; None if it does not say so."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    destinations = [line for line in lines if line.startswith(b'{"destination"')]
    try:
        return _DESTINATION.validate_python(_opened(destinations[-1])["destination"])
    except (ValueError, LookupError, RecursionError):
        return None


def damaged(path: Path, reason: str) -> TrackingError:
    """Return the error to raise where an outbox is not what was written."""
    return TrackingError(
        f"{path} is damaged: {reason}. Put a copy of it back, or remove it: then everything is "
        "sent again, as new runs."
    )


class Outbox:
    """The file and, in memory, the entries in it. One process writes; any may read.

    Attributes:
        path: The file.
        destination: Where the entries go (the last such line of the file holds).
        entries: All entries so far, in order; only ever grows.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            TrackingError: There is no such file, it does not say where its entries go, or a line
                is damaged: what is behind it could go out twice, or not at all.
        """
        self.path = path
        self.entries: list[Entry] = []
        self._ids: set[str] = set()
        self._size = 0
        self._lock = threading.Lock()
        destination = self._read()
        if destination is None:
            raise TrackingError(
                f"{path} must be the outbox of a run but holds no destination; "
                "was the run made with tracking switched on, and its first line changed by nobody? "
                "Without the file everything is sent again, as new runs."
            )
        self.destination = destination

    @classmethod
    def open(cls, path: Path, uri: str, experiment: str) -> Outbox:
        """Open for appending; begin the file if it is not there, note a changed destination.

        Raises:
            TrackingError: A line is damaged.
        """
        try:
            box = cls(path)
        except TrackingError:
            if path.exists() and (b"\n" in path.read_bytes() or cursor_path(path).exists()):
                raise  # begun anew, everything would go out a second time under another id
            path.parent.mkdir(parents=True, exist_ok=True)
            first = Destination(uri, experiment, secrets.token_hex(8))
            _write_at(path, 0, [_line({"destination": asdict(first)})])
            return cls(path)
        now = replace(box.destination, uri=uri, experiment=experiment)
        if now != box.destination:
            box._append_lines([_line({"destination": asdict(now)})])
            box.destination = now
        return box

    def append(self, actions: Iterable[tuple[str, Action]]) -> int:
        """Write those of the named actions that are not there yet; return how many that were.

        Raises:
            StorageError: The disk is full or the file is gone; nothing of this call counts.
        """
        with self._lock:
            now = time.time_ns() // 1_000_000
            new: dict[str, Entry] = {}
            for entry_id, action in actions:
                if entry_id not in self._ids:
                    new.setdefault(entry_id, Entry(entry_id, now, action))
            self._append_lines([_encode(entry) for entry in new.values()])
            self._ids.update(new)
            self.entries.extend(new.values())
            return len(new)

    def flush(self) -> None:
        """Wait until what was appended is on the disk, where a power cut does not reach it."""
        with self.path.open("rb+") as file:  # Windows waits for no file that is only read
            os.fsync(file.fileno())

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._ids

    def _append_lines(self, lines: list[str]) -> None:
        if lines:
            self._size = _write_at(self.path, self._size, lines)

    def _read(self) -> Destination | None:
        destination = None
        raw = self.path.read_bytes() if self.path.exists() else b""
        # What follows the last line end was torn by a kill; the next append overwrites it.
        self._size = raw.rfind(b"\n") + 1
        for number, line in enumerate(raw[: self._size].splitlines(), start=1):
            try:
                fields = _opened(line)
                if "destination" in fields:
                    destination = _DESTINATION.validate_python(fields["destination"])
                    continue
                entry = _decode(fields)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise damaged(self.path, f"line {number} is not what was written") from error
            if entry.id not in self._ids:
                self._ids.add(entry.id)
                self.entries.append(entry)
        return destination


def _write_at(path: Path, size: int, lines: list[str]) -> int:
    """Write lines behind the first `size` bytes, drop what was there; return the new size.

    Flushed to the operating system, not to the platter: it survives any death of the process, and
    after a power cut the resumed run says again what is missing.
    """
    data = "".join(line + "\n" for line in lines).encode()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(size)
            file.seek(size)
            file.write(data)
    except OSError as error:
        raise unwritable(path, error) from error
    return size + len(data)
