"""`augsearch check`: is the study usable, what would it compute, and about how long?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from augsearch.controller.planning.costs import Costs
from augsearch.controller.planning.plan import PlannedWork, plan_work
from augsearch.controller.stages.preparation import Prepared, StudyData, equip, read_data
from augsearch.data.splits import summary
from augsearch.errors import AugsearchError
from augsearch.events import Event, Notify, StageStarted, Warned
from augsearch.files import let_go
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
        measured_at: When the oldest measurement behind the plan was made, ISO 8601; None if all
            were made just now.
    """

    parts: Sequence[tuple[str, str, int, int]]
    smallest_class: tuple[str, int]
    skipped: Sequence[str]
    warnings: Sequence[str]
    plan: Sequence[PlannedWork]
    measured_at: str | None


def check_study(study: StudyFile, notify: Notify) -> CheckReport:
    """Read everything, train nothing but a few steps to measure their time; keep only that.

    Raises:
        AugsearchError: Anything in study or data that has to be put right.
    """
    # A call of its own: by its end no file in the folder is mapped any more, as Windows wants it.
    with tempfile.TemporaryDirectory(prefix="augsearch-check-", ignore_cleanup_errors=True) as name:
        try:
            return _checked(study, Path(name), notify)
        except AugsearchError as error:
            let_go(error)
            raise


def _checked(study: StudyFile, folder: Path, notify: Notify) -> CheckReport:
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)
        notify(event)

    notify(StageStarted("data"))
    started = time.perf_counter()
    data = read_data(study, folder, listen)
    data = replace(data, study=data.supply.ended(listen))
    read = len(data.images) + (len(data.external.labels) if data.external else 0)
    seconds = time.perf_counter() - started
    smallest = np.min(data.counts, axis=0)
    label = int(np.argmin(smallest))
    costs = Costs(data, cache(partial(_equip_to_measure, data, folder, notify)))
    seconds += costs.tools().seconds
    reading = PlannedWork("data", "reading", read, "images", seconds)
    plan = [reading, *plan_work(data, costs)]
    return CheckReport(
        parts=summary(data.dataset, data.split),
        smallest_class=(data.images.classes[label], int(smallest[label])),
        skipped=data.dataset.skipped,
        warnings=warnings,
        plan=plan,
        measured_at=costs.oldest.isoformat() if costs.oldest else None,
    )


def _equip_to_measure(data: StudyData, folder: Path, notify: Notify) -> Prepared:
    """Say what takes the time before the tools are loaded, which is most of it."""
    notify(StageStarted("measuring this machine"))
    return equip(data, folder)
