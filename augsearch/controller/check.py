"""`augsearch check`: is the study usable, what would it compute, and about how long?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augsearch.controller.plan import PlannedWork, plan_work
from augsearch.controller.preparation import prepare
from augsearch.data.splits import summary
from augsearch.events import Event, Notify, Warned
from augsearch.study.schema.study import StudyFile


@dataclass(frozen=True)
class CheckReport:
    """What a study would work on.

    Attributes:
        parts: Rows (part, class, images, groups).
        smallest_class: (class, images) of the smallest class of the training sets.
        skipped: Unreadable images that are left out, with the reason.
        warnings: What the user should know.
        plan: The work ahead, if every window stops as early as it can.
    """

    parts: Sequence[tuple[str, str, int, int]]
    smallest_class: tuple[str, int]
    skipped: Sequence[str]
    warnings: Sequence[str]
    plan: Sequence[PlannedWork]


def check_study(study: StudyFile, notify: Notify) -> CheckReport:
    """Read everything, train nothing but a few steps to measure their time; keep nothing.

    Raises:
        AugsearchError: Anything in study or data that has to be put right.
    """
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)
        notify(event)

    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="augsearch-check-") as name:
        prepared = prepare(study, Path(name), listen)
        read = len(prepared.images) + (len(prepared.external.labels) if prepared.external else 0)
        seconds = time.perf_counter() - started
        reading = PlannedWork("data", "reading", read, "images", seconds)
        counts = [prepared.train_of(fold).class_counts() for fold in prepared.split.folds]
        smallest = np.min(counts, axis=0)
        label = int(np.argmin(smallest))
        return CheckReport(
            parts=summary(prepared.dataset, prepared.split),
            smallest_class=(prepared.images.classes[label], int(smallest[label])),
            skipped=prepared.dataset.skipped,
            warnings=warnings,
            plan=[reading, *plan_work(prepared, counts)],
        )
