"""How long `augsearch check` says that a study takes, against how long it then takes.

    python benchmarks/estimate.py [STUDY] [--keep DIR]

Both commands run one after the other, as a user would call them; the default is the quickstart. A
stage is predicted well if measured over predicted is within 1.5 either way. How far a window
searches and what it chooses is not known before; the prediction is for one that stops as early as
it can. So each stage is also given as it would have been predicted for the amounts that the run
then took: the same seconds per unit of work, times the work that it did. To be run on an idle
machine.
"""

import argparse
import csv
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import record, table
from tiny import call

from augsearch.controller.planning.workload import Took, workload
from augsearch.controller.study import load_study
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile

QUICKSTART = Path(__file__).parent.parent / "studies" / "quickstart.toml"
WITHIN = 1.5

Work = Mapping[str, Any]
"""One row of the plan, as `check --json` prints it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, nargs="?", default=QUICKSTART)
    parser.add_argument("--keep", type=Path, help="the run directory; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="augsearch-estimate-") as name:
        out = arguments.keep or Path(name) / "run"
        # Of a machine that has measured nothing yet.
        check = ("check", arguments.study, "--json", "--quiet")
        plan = json.loads(call(*check, XDG_CACHE_HOME=name))["plan"]
        call("run", arguments.study, "--out", out, "--quiet")
        result = StudyResult.model_validate_json((out / "results.json").read_text())
        counts = class_counts(out)
    study = load_study(arguments.study).settings
    rows = compared(plan, rescaled(plan, study, counts, took(result)), by_stage(result.seconds))
    print(table(("stage", "predicted, s", "for what it took, s", "measured, s", "ratio"), rows))
    facts = {"study": study.name, "within": WITHIN, "stages": rows}
    record("estimate", facts)


def class_counts(run: Path) -> list[tuple[int, ...]]:
    """Return the real training images of each class, per fold, of a run."""
    with (run / "tables" / "split.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    trained_on = [row for row in rows if row["part"] in ("train", "fold")]
    # Each fold trains on the images of all others; without folds there is one set.
    folds = sorted({row.get("fold") for row in trained_on}, key=str)
    sets = [[row for row in trained_on if row.get("fold") != fold] for fold in folds]
    classes = sorted({row["class"] for row in trained_on})
    found = [Counter(row["class"] for row in rows) for rows in (sets if sets[0] else [trained_on])]
    return [tuple(counter[name] for name in classes) for counter in found]


def took(result: StudyResult) -> Took:
    """Return the amounts that every arm of a finished run was evaluated at, and its choice."""
    return {
        name: ([entry.multiple for entry in arm.history], arm.multiple)
        for name, arm in result.arms.items()
        if arm.multiple is not None and arm.control_of is None
    }


def rescaled(
    plan: Sequence[Work], study: StudyFile, counts: list[tuple[int, ...]], took: Took
) -> list[Work]:
    """Return the plan with the seconds of the work that was done in place of the expected one."""
    expected, done = (
        {
            (stage, name, what): value
            for name, load in workload(study, counts, amounts).loads.items()
            for stage, share in load.stages.items()
            for what, value in {
                "heads": share.images,
                "features": share.added.total(),
                **{f"images of {source}": n for source, n in share.added.items()},
            }.items()
        }
        for amounts in (None, took)
    )
    rows = []
    for work in plan:
        name, _, what = work["what"].rpartition(": ")
        name = name or next(iter(workload(study, counts).loads))
        key = (work["stage"], name, what if what in ("heads", "features") else work["what"])
        seconds = work["seconds"]
        if what == "features":  # real images among them
            seconds *= 1 + (done[key] - expected[key]) / work["amount"]
        elif expected.get(key):
            seconds *= done[key] / expected[key]
        rows.append({**work, "seconds": seconds})
    return rows


def by_stage(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of a run with one entry for the searches and settings of all arms."""
    found: dict[str, float] = defaultdict(float)
    for stage, spent in seconds.items():
        found["search" if stage.startswith(("search ", "tune ")) else stage] += spent
    return dict(found)


def compared(
    plan: Sequence[Work], taken: Sequence[Work], measured: Mapping[str, float]
) -> list[tuple[str, float, float, float, float]]:
    """Return (stage, predicted, predicted for what was done, measured, measured / predicted)."""
    rows = []
    totals = [by_sum(plan), by_sum(taken)]
    for stage in totals[0]:
        first, second = (total[stage] for total in totals)
        rows.append((stage, first, second, measured[stage], measured[stage] / second))
    first, second, spent = (sum(one.values()) for one in (*totals, measured))
    return [*rows, ("in all", first, second, spent, spent / second)]


def by_sum(plan: Sequence[Work]) -> dict[str, float]:
    """Return the seconds of each stage of a plan."""
    found: dict[str, float] = defaultdict(float)
    for work in plan:
        found[work["stage"]] += work["seconds"]
    return dict(found)


if __name__ == "__main__":
    main()
