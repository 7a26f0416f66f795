"""The run directory: where everything of a run lies, who may touch it, and what it remembers."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from augsearch.controller.links import no_ways_out
from augsearch.controller.numbering import following, latest
from augsearch.controller.sharing import NO_STORES, Sharing, Stores
from augsearch.errors import AugsearchError, RunDirectoryError, StorageError
from augsearch.events import Advanced, Event, Notify, Warned, silent
from augsearch.files import (
    append_line,
    exclusive,
    read_json,
    read_lines,
    real_path,
    remove_empty,
    write_json,
    write_text,
)
from augsearch.study.compare import differences
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile

Logged = TypeVar("Logged", bound=Event)
Settings = TypeVar("Settings", bound=BaseModel)

_CONTRADICTIONS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
"""What files that do not go together were seen to end in."""

_LOG = "log.jsonl"

_SPEND_EVERY = 5.0
"""Seconds of a stage that a kill may take out of the books."""


class RunDirectory:
    """Paths of one run, and the small facts that outlive a kill.

    Args:
        path: The directory.
        stores: Where the run keeps what it shares with other machines.

    Attributes:
        path: The directory itself.
        shared: What the run shares with other machines.
        settled: Whether this process has found study and data usable: see `settle`.
    """

    def __init__(self, path: Path, stores: Stores = NO_STORES) -> None:
        self.path = real_path(path)
        self.shared = Sharing(self.path, stores)
        self.settled = False
        self._stage: str | None = None
        self._since = 0.0

    @property
    def artifacts(self) -> Path:
        """Generator checkpoints, pools, features, test outputs."""
        return self.path / "artifacts"

    def folder(self, *names: str) -> Path:
        """Return a folder below `artifacts`; what another machine made of it is fetched first."""
        folder = self.artifacts.joinpath(*names)
        self.shared.fetch(folder)
        return folder

    @property
    def ledger_url(self) -> str:
        """The Optuna storage that holds every trial."""
        return self.shared.ledger_url

    def study_name(self, name: str) -> str:
        """Return what the trials of `name` are called in the ledger."""
        return self.shared.study_name(name)

    @property
    def outbox(self) -> Path:
        """What MLflow is sent, or still has to be."""
        return self.path / "outbox.jsonl"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @property
    def results(self) -> StudyResult | None:
        """The finished run's result; None while it is unfinished."""
        path = self.path / "results.json"
        if not path.exists():
            return None
        try:
            return StudyResult.model_validate(read_json(path))
        except ValidationError as error:
            raise StorageError(
                f"{path} must hold a result as this version of augsearch writes it but does not "
                f"({error.error_count()} differences). Remove it to have it made again."
            ) from error

    def write_results(self, result: StudyResult) -> None:
        """Write results.json: from then on the run is finished."""
        write_json(self.path / "results.json", result.model_dump(mode="json"))

    def remember(self, name: str, value: Any) -> Any:
        """Return what was remembered under `name`; the first call of all remembers `value`."""
        path = self.path / f"{name}.json"
        if not path.exists():
            write_json(path, value)
        return read_json(path)

    def remembers(self, name: str) -> bool:
        """Whether something was remembered under `name`."""
        return (self.path / f"{name}.json").exists()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to the stage's seconds, over all processes of the run.

        Stages follow each other; none lies within another. Of one that is killed the time counts up
        to the last event that was logged, or a few seconds before it.
        """
        self._stage, self._since = stage, time.monotonic()
        try:
            yield
        finally:
            with suppress(AugsearchError):  # never hide what ended the stage
                self._spend(stage)
            self._stage = None

    def _spend(self, stage: str) -> None:
        """Write down the time since this was last done."""
        seconds, now = self.seconds, time.monotonic()
        seconds[stage] = round(seconds.get(stage, 0.0) + now - self._since, 3)
        write_json(self.path / "seconds.json", seconds)
        self._since = now

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent in each stage so far."""
        path = self.path / "seconds.json"
        return dict(read_json(path)) if path.exists() else {}

    def log(self, event: Event) -> None:
        """Append an event to log.jsonl; progress within a stage is left out."""
        if self._stage is not None and time.monotonic() - self._since >= _SPEND_EVERY:
            self._spend(self._stage)
        if isinstance(event, Advanced):
            return
        entry = {"time": time.time(), "event": type(event).__name__, **asdict(event)}
        append_line(self.path / _LOG, json.dumps(entry, default=str))

    @property
    def warnings(self) -> list[str]:
        """The distinct warnings of all processes of this run, in a fixed order.

        Numbers in them count as such: iteration 500 stands before iteration 1000.
        """
        return sorted({one.message for one in self.logged(Warned)}, key=_in_parts)

    def logged(self, kind: type[Logged]) -> Iterator[Logged]:
        """Yield every event of a type that any process of this run has logged, if it is whole."""
        event = TypeAdapter(kind)
        for line in read_lines(self.path / _LOG):
            with suppress(ValueError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.pop("event", None) == kind.__name__:
                    yield event.validate_python(entry)


def _in_parts(text: str) -> list[tuple[int, str]]:
    """Split a text into words and numbers, for an order in which numbers rise."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


@contextmanager
def handed_over(path: Path) -> Iterator[None]:
    """Read a run that somebody else may have made, or changed, and name it where it makes no sense.

    Each file is checked for what it is; that all of them go together is known only once they have
    been used, and files that do not can fail there in every way there is.

    Raises:
        RunDirectoryError: The run's files contradict each other.
    """
    try:
        yield
    except _CONTRADICTIONS as error:
        reason = str(error).strip().splitlines()[:1]
        raise RunDirectoryError(
            f"{real_path(path)} must be as `augsearch run` left it, but its files do not go "
            f"together ({': '.join([type(error).__name__, *reason])[:300]}): something in it was "
            "changed or damaged. Take a copy that is whole, or run the study again with --fresh; "
            "if nobody touched it, this is a defect in augsearch."
        ) from error


def finished_run(path: Path, stores: Stores = NO_STORES) -> RunDirectory:
    """Return the directory of a finished run.

    Args:
        path: The directory.
        stores: Used as far as the run was made with them.

    Raises:
        RunDirectoryError: There is no run, it is not finished, or links lead out of it.
    """
    directory = RunDirectory(path, stores.of(path))
    if not (directory.path / "study.json").exists():
        raise RunDirectoryError(
            f"{directory.path} must be a run directory but has no study.json; name a folder that "
            "`augsearch run` made."
        )
    no_ways_out(directory.path)
    if directory.results is None:
        raise RunDirectoryError(
            f"{directory.path} must be a finished run but has no results.json yet; "
            "`augsearch run` goes on with it."
        )
    return directory


@contextmanager
def claimed(
    base: Path,
    study: StudyFile,
    fresh: bool,
    stores: Stores = NO_STORES,
    notify: Notify = silent,
) -> Iterator[RunDirectory]:
    """Hold the run directory that belongs to a study: a new one, or the one to go on with.

    The directory is `base`, or the newest of `base`-2, `base`-3 ... that `fresh` made beside it.
    With an artifact store a run of another machine is gone on with as if it had begun here. What
    was made or fetched is removed again if the run ends with an error before `settle` was called.

    Raises:
        RunDirectoryError: It belongs to another study (the message shows the difference),
            another process holds it, links lead out of it, its trials are in another ledger, or
            `base` is a file.
        StorageError: A store does not answer.
    """
    _refuse_what_is_no_run(base)
    path = following(base, stores) if fresh else latest(base, study.name, stores)
    directory = RunDirectory(path, stores)
    if directory.path.is_dir():
        no_ways_out(directory.path)
    lock = directory.path / "run.lock"
    _refuse_what_is_no_run(directory.path)
    kept = _present(directory.path) if not lock.exists() else directory.path.parent
    with exclusive(lock):
        # Asked once the lock is held: before, another process may have made a run.
        new = not (directory.path / "study.json").exists()
        try:
            directory.shared.adopt()
            with directory.shared.owned():
                directory.shared.join(notify)
                if (directory.path / "study.json").exists():
                    _same_study(directory, study)
                elif not directory.remembers("data"):
                    # It ended before it was settled, and may have warned of other images.
                    (directory.path / _LOG).unlink(missing_ok=True)
                directory.shared.check_ledger()
                yield directory
        except AugsearchError:
            if new and not directory.settled:
                _remove(directory.path, kept)
            raise


def _refuse_what_is_no_run(path: Path) -> None:
    """Refuse to write to a place where something else is, or to begin beside it."""
    if path.exists() and not path.is_dir():
        raise RunDirectoryError(
            f"{path} must be a folder, or not be there, but is a file; choose another --out."
        )
    is_run = any((path / name).exists() for name in ("study.json", "run.lock"))
    if path.is_dir() and not is_run and any(path.iterdir()):
        raise RunDirectoryError(
            f"{path} is not empty and not a run of augsearch; choose another --out or empty it."
        )


def settle(directory: RunDirectory, study: StudyFile, text: str) -> None:
    """Freeze the study in its directory, now that study and data have proved usable."""
    directory.shared.begin()
    if not (directory.path / "study.json").exists():
        write_text(directory.path / "study.toml", text)
        write_json(directory.path / "study.json", study.model_dump(mode="json"))
    directory.settled = True


def frozen_study(directory: RunDirectory, model: type[Settings]) -> Settings:
    """Read the study that a finished run was made of.

    Args:
        directory: The run.
        model: `StudyFile`, or the part of it that has to be known.

    Raises:
        RunDirectoryError: Its data are gone, or another version of augsearch wrote it.
    """
    path = directory.path / "study.json"
    try:
        return model.model_validate_json(json.dumps(read_json(path)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunDirectoryError(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; the study's data must "
            "be where they were, and the version of augsearch the one that ran it."
        ) from error


def _same_study(directory: RunDirectory, study: StudyFile) -> None:
    changes = differences(read_json(directory.path / "study.json"), study)
    if changes:
        raise RunDirectoryError(
            f"{directory.path} holds a run of this study as it was before:\n  "
            + "\n  ".join(changes)
            + "\nUndo the change to go on with that run, or add --fresh to start anew beside it."
        )


def _present(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _remove(path: Path, kept: Path) -> None:
    """Remove all that is in `path`, and then the empty folders from it up to `kept`."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    remove_empty(path, kept)
