"""Kinds of faults tried side by side, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_kinds.outcomes import Row
from fault_kinds.runs import Campaign, end_with_parent

Kind = Callable[[Campaign, float], list[Row]]


@dataclass(frozen=True)
class Part:
    """A kind of fault for one lane.

    Attributes:
        name: Of the kind.
        number: Of this part of it, from 0.
        share: Of all the time, in the same unit for all parts.
        tries: Tries it until a time of the monotonic clock.
    """

    name: str
    number: int
    share: float
    tries: Kind


@dataclass
class Lanes:
    """Tries parts, so many at a time.

    Args:
        campaign: Has loaded what the runs need, so that processes can be forked from this one.
        count: How many at a time.
        end: When all are to have ended, on the monotonic clock.
    """

    campaign: Campaign
    count: int
    end: float
    running: dict[int, tuple[Part, float]] = field(default_factory=dict)

    def go(self, parts: Iterable[Part]) -> list[Row]:
        """Try the parts in their order; return one row for each kind of row."""
        order = list(parts)
        waiting = list(order)
        with ExitStack() as stack:
            stack.callback(self._stop)
            while waiting or self.running:
                while waiting and len(self.running) < self.count:
                    part = waiting.pop(0)
                    self._begin(part, self._seconds(part, waiting))
                pid, _ = os.wait()
                self.running.pop(pid, None)
        rows: dict[str, Row] = {}
        for part in order:
            for row in self._rows(part):
                rows[row.kind] = rows[row.kind] + row if row.kind in rows else row
        return list(rows.values())

    def _seconds(self, part: Part, waiting: list[Part]) -> float:
        """Return the part's share of the time that no other part has been given."""
        left = self.end - time.monotonic()
        given = sum(until - time.monotonic() for _, until in self.running.values())
        shares = part.share + sum(one.share for one in waiting)
        return max(0.0, min(left, (self.count * left - given) * part.share / shares))

    def _begin(self, part: Part, seconds: float) -> None:
        until = time.monotonic() + seconds
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self.running[pid] = part, until
            return
        try:
            end_with_parent(signal.SIGTERM)
            self.running.clear()
            rows = _tried(part, self.campaign.part(f"{part.name}{part.number}"), until)
            self._file(part).write_text(json.dumps([row.as_json() for row in rows]))
            print(f"{part.name}: {seconds:.0f} s", *rows, sep="\n  ", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(0)

    def _stop(self) -> None:
        for pid in self.running:
            os.kill(pid, signal.SIGTERM)
        for pid in self.running:
            os.waitpid(pid, 0)

    def _file(self, part: Part) -> Path:
        return self.campaign.base / f"{part.name}{part.number}.json"

    def _rows(self, part: Part) -> list[Row]:
        path = self._file(part)
        if not path.exists():
            return [Row(part.name, left_out="it ended before its time")]
        content: list[dict[str, Any]] = json.loads(path.read_text())
        return [Row.from_json(row) for row in content]


def _tried(part: Part, campaign: Campaign, until: float) -> list[Row]:
    """Try a kind of fault; one that cannot be tried is a row that says so."""
    try:
        return part.tries(campaign, until)
    except Exception as error:
        traceback.print_exc()
        return [Row(part.name, left_out=f"{type(error).__name__}: {error}"[:300])]
