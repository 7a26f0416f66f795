"""The run directory: where everything of a run lies, and what it remembers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from augsearch.controller.run_directory.sharing import NO_STORES, Sharing, Stores
from augsearch.errors import AugsearchError, StorageError
from augsearch.events import Advanced, Event, Notify, StageStarted, Warned
from augsearch.files import append_line, read_json, read_lines, real_path, write_json
from augsearch.study.results import StudyResult

Logged = TypeVar("Logged", bound=Event)

LOG = "log.jsonl"
"""Every event, a line each."""

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

    def source_folder(self, source: str, fold: int, generator: int = 0) -> Path:
        """Return where a fitted source of a fold keeps its files.

        Args:
            source: Its name.
            fold: Number of the fold.
            generator: 0: as it was searched with; else the number of a further training.
        """
        further = f"-generator{generator}" if generator else ""
        return self.folder(f"source-{source}-fold{fold}{further}")

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
    def study_text(self) -> str:
        """The study file as it was when the run was begun."""
        return (self.path / "study.toml").read_text(encoding="utf-8", errors="replace")

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
    def stage(self, stage: str, notify: Notify, title: str | None = None) -> Iterator[None]:
        """Tell that a stage begins, and add the time of the block to its seconds.

        Seconds count over all processes of the run. Stages follow each other; none lies within
        another. Of one that is killed the time counts up to the last event that was logged, or a
        few seconds before it.

        Args:
            stage: What its seconds are added to.
            notify: Is told.
            title: What it is told as, if that says more.
        """
        notify(StageStarted(title or stage))
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
        append_line(self.path / LOG, json.dumps(entry, default=str))

    @property
    def warnings(self) -> list[str]:
        """The distinct warnings of all processes of this run, in a fixed order.

        Numbers in them count as such: iteration 500 stands before iteration 1000.
        """
        return sorted({one.message for one in self.logged(Warned)}, key=_in_parts)

    def logged(self, kind: type[Logged]) -> Iterator[Logged]:
        """Yield every event of a type that any process of this run has logged, if it is whole."""
        event = TypeAdapter(kind)
        for line in read_lines(self.path / LOG):
            with suppress(ValueError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.pop("event", None) == kind.__name__:
                    yield event.validate_python(entry)


def _in_parts(text: str) -> list[tuple[int, str]]:
    """Split a text into words and numbers, for an order in which numbers rise."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
