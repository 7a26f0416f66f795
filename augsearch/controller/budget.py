"""max_hours: a run stops in time, says what it has found so far, and goes on when called again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from augsearch.amounts import amount_words
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.opening import OPENED
from augsearch.errors import TimeUpError
from augsearch.events import Advanced, Event, StageStarted, TrialCompleted
from augsearch.execution.reach import rule_of_arm
from augsearch.search.ledger.ledger import stored_evaluations
from augsearch.search.settings import Direction
from augsearch.study.schema.study import StudyFile

_KEPT = frozenset({"iterations", "images", "settings", "arms"})
"""Units of work of which each step is kept, and told only when it is really done."""


class Budget:
    """The time that one call of a run has; it begins when this is made.

    A run that was stopped is one that was killed, only that it chose the moment, and a generator in
    training writes a checkpoint first. It never stops before the call has kept something, so that
    calls with little time get to the end all the same.

    Args:
        hours: How many; None: as many as it takes.
    """

    def __init__(self, hours: float | None) -> None:
        self._hours = hours
        self._end = None if hours is None else time.monotonic() + 3600 * hours
        self._stage = ""
        self._ended: set[str] = set()
        self._advanced: Advanced | None = None
        self._kept = False

    def listen(self, event: Event) -> None:
        """Take what the stages tell, and stop them between two steps of work once time is up.

        Raises:
            TimeUpError: It is; `where` says at what.
        """
        if isinstance(event, TrialCompleted):
            self._kept = True
            return  # amounts that were trained together come one right after the other
        if isinstance(event, StageStarted):
            self._ended.add(self._stage)
            self._stage, self._advanced = event.stage, None
        elif isinstance(event, Advanced):
            self._advance(event)
        else:
            return
        if self._kept and self._end is not None and time.monotonic() >= self._end:
            raise TimeUpError(f"time is up at {self.where}.")

    def _advance(self, event: Advanced) -> None:
        before = self._advanced
        # The first step that is told may be where an earlier call left off.
        if before is not None and before.unit == event.unit and event.unit in _KEPT:
            self._kept |= event.done > before.done
        self._advanced = event

    @property
    def where(self) -> str:
        """The stage that was told last, and how far it is."""
        at = self._advanced
        far = f" ({at.done:,} of {at.total:,} {at.unit})" if at else ""
        return f"stage: {self._stage}{far}"

    def stopped(self, directory: RunDirectory, study: StudyFile, direction: Direction) -> str:
        """Say where the run stopped, what every arm has found so far, and how to go on.

        Raises:
            StorageError: The ledger cannot be read.
        """
        found = "\n  ".join(self._arms_so_far(directory, study, direction))
        closed = "the test set was opened" if directory.remembers(OPENED) else "nothing was tested"
        return (
            f"max_hours = {self._hours:g} has passed, at {self.where}. So far, on the tuning set "
            f"({closed}):\n  {found}\nNothing is lost; the same command goes on."
        )

    def _arms_so_far(
        self, directory: RunDirectory, study: StudyFile, direction: Direction
    ) -> Iterator[str]:
        for name, arm in study.arms.items():
            history = stored_evaluations(directory.ledger_url, directory.study_name(name))
            rule = rule_of_arm(arm, direction, study.seed)
            best = rule.best(history)
            # A search also ends where its source does, of which its rule knows nothing.
            done = f"search {name}" in self._ended or rule.finished(history) is not None
            if not history:
                yield f"{name}: no score yet"
            elif best is None:
                yield f"{name}: no finite score{'' if done else ' yet'}"
            else:
                amount = amount_words(best.multiple, arm.unit)
                rest = "" if done else f" of {len(history)} scored so far, not done"
                yield f"{name}: best {best.score:.4f} at {amount}{rest}"
