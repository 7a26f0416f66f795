"""What runs leave behind, and how many of them are as they should be."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fault_kinds.runs import Process

RUN = Path("runs/study")
LEDGER = """
SELECT 'trial', s.study_name, CAST(t.state AS VARCHAR), p.param_value
FROM trials t JOIN studies s USING (study_id) LEFT JOIN trial_params p USING (trial_id)
"""
MLFLOW = """
SELECT 'metric', replace(r.name, 'study: ', ''), m.key, m.step
FROM metrics m JOIN runs r USING (run_uuid) JOIN experiments e USING (experiment_id)
WHERE r.lifecycle_stage = 'active' AND e.name = :experiment
UNION ALL SELECT r.status, replace(r.name, 'study: ', ''), NULL, NULL
FROM runs r JOIN experiments e USING (experiment_id)
WHERE r.lifecycle_stage = 'active' AND e.name = :experiment
"""


@dataclass(frozen=True)
class Ended:
    """What a finished run leaves: its numbers, and what its stores hold how often."""

    numbers: dict[str, Any]
    entries: Counter[tuple[object, ...]]


def ended(folder: Path) -> Ended:
    """Read a finished run, its ledger and its file of MLflow."""
    entries = trials(folder / RUN / "ledger.db") + tracked(folder / "runs/mlflow.db", "study")
    return Ended(numbers(folder), entries)


def numbers(folder: Path) -> dict[str, Any]:
    """Return the results of a finished run, apart from times."""
    results = json.loads((folder / RUN / "results.json").read_text())
    return {key: value for key, value in results.items() if key != "seconds"}


def trials(ledger: Path) -> Counter[tuple[object, ...]]:
    """Return every trial of a ledger in a file: arm, state, amount."""
    return _asked(ledger, LEDGER)


def tracked(store: Path, experiment: str) -> Counter[tuple[object, ...]]:
    """Return every run and every point of an experiment in a database of MLflow."""
    return _asked(store, MLFLOW, experiment=experiment)


def _asked(path: Path, query: str, **values: str) -> Counter[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        return Counter(tuple(row) for row in opened.execute(query, values))


def stages(folder: Path, since: int = 0) -> list[str]:
    """Return the stages that a run began, by its log after the first `since` characters."""
    log = folder / RUN / "log.jsonl"
    found = []
    for line in (log.read_text() if log.exists() else "")[since:].splitlines():
        with contextlib.suppress(ValueError):  # a kill may have cut it short
            entry = json.loads(line)
            if entry["event"] == "StageStarted":
                found.append(str(entry["stage"]).split(" ")[0])
    return found


def stage(folder: Path, since: int = 0) -> str:
    """Return the stage that a run was in last."""
    return next(reversed(stages(folder, since)), "start")


@dataclass
class Row:
    """A row of the table: what one kind of fault came to.

    Attributes:
        kind: Of the faults.
        faults: How many there were.
        runs: That were disturbed.
        identical: Of these, how many ended with the numbers of the undisturbed run.
        lost: Entries of ledger and MLflow that are not there.
        twice: Those that are there too often.
        details: What else there is to count.
        left_out: Why it could not be tried; empty if it could.
    """

    kind: str
    faults: int = 0
    runs: int = 0
    identical: int = 0
    lost: int = 0
    twice: int = 0
    details: Counter[str] = field(default_factory=Counter)
    left_out: str = ""

    def __add__(self, other: Row) -> Row:
        """Return what both came to; the kind and the details are those of this one."""
        names = ("faults", "runs", "identical", "lost", "twice")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        why = self.left_out or other.left_out
        return Row(self.kind, **sums, details=self.details + other.details, left_out=why)

    @property
    def is_right(self) -> bool:
        """Whether it was tried, every run ended as it should, and nothing was lost or twice."""
        tried = self.faults > 0 and not self.left_out
        return tried and self.runs == self.identical and not self.lost and not self.twice

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"details": dict(self.details)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Row:
        return cls(**content | {"details": Counter(content["details"])})

    def happens(self, what: str) -> None:
        """Count a fault."""
        self.faults += 1
        self.details[what] += 1

    def compare(self, found: Ended, expected: Ended) -> None:
        """Count a run that has ended."""
        self.runs += 1
        self.identical += found.numbers == expected.numbers
        lost, twice = expected.entries - found.entries, found.entries - expected.entries
        self.lost += lost.total()
        self.twice += twice.total()
        if lost or twice or found.numbers != expected.numbers:
            same = "equal" if found.numbers == expected.numbers else "DIFFERENT"
            print(f"{self.kind}: numbers {same}, lost {lost}, twice {twice}", flush=True)
            for key, value in found.numbers.items():
                if value != expected.numbers.get(key):
                    print(f"{key}: {value}\ninstead of {expected.numbers.get(key)}", flush=True)

    def fails(self, folder: Path, process: Process) -> None:
        """Count a run that does not end."""
        self.runs += 1
        self.details["NOT FINISHED"] += 1
        said = f"exit code {process.code} in {folder}\n{process.text[-3000:]}"
        print(f"{self.kind}: {said}", flush=True)
