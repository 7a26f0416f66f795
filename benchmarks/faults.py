"""Disturb a small study in every way that a machine can, and compare what it ends with.

    python benchmarks/faults.py --minutes 20 --write

Every run that was disturbed is started again and must end with the results.json of an undisturbed
run (apart from times), and its ledger and MLflow must hold every entry exactly once. The study is
tiny, so that a run takes seconds; how often each kind of fault is tried follows from the time.
`--write` makes faults.json and faults.md beside this file. Exit code 1 if a run ends otherwise, an
entry is lost or there twice, or a kind of fault could not be tried (for want of PostgreSQL, Ray or
the right to mount) or was never reached: more minutes, then.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from fault_kinds import damage, database, local, mlflow_server, ray_cluster
from fault_kinds.lanes import Kind, Lanes, Part
from fault_kinds.outcomes import Row
from fault_kinds.page import found, page, table
from fault_kinds.runs import Campaign

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(THREADS, "1")  # before numpy and torch are loaded
os.environ |= {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
sys.path.insert(0, str(Path(__file__).parents[1]))  # the servers are those of the tests

KINDS: dict[str, tuple[float, int, Kind]] = {
    "ray": (5, 1, ray_cluster.kills),
    "mlflow": (3, 1, mlflow_server.mlflow),
    "damage": (4, 2, damage.damaged_files),
    "postgres": (2, 1, database.postgres),
    "clock": (1, 1, local.clock_jumps),
    "disk": (1, 1, local.full_disk),
    "two": (1, 1, local.two_controllers),
    "kills": (12, 2, local.kills),
}
"""Name -> (share of the time, in how many parts, what tries it), in the order of the trying: the
runs of the last ones are short, so that they end in time."""
LANES = 2
"""Parts that are tried side by side."""


def parts(names: list[str]) -> list[Part]:
    """Return what is to be tried."""
    return [
        Part(name, number, KINDS[name][0] / KINDS[name][1], KINDS[name][2])
        for name in names
        for number in range(KINDS[name][1])
    ]


def main() -> None:
    """Try all kinds; print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--write", action="store_true", help="make faults.json and faults.md")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    with tempfile.TemporaryDirectory(prefix="augsearch-faults-") as name:
        campaign = Campaign.begin(Path(name), options.seed)
        print(f"undisturbed: {campaign.length:.1f} s, {campaign.expected.entries.total()} entries")
        rows = Lanes(campaign, LANES, end).go(parts(options.only))
    print(table(rows), found(rows), sep="\n")
    if options.write:
        _write(options.minutes, options.seed, campaign.length, rows)
    sys.exit(not all(row.is_right for row in rows))


def _write(minutes: float, seed: int, length: float, rows: list[Row]) -> None:
    from measure import machine

    about = {
        key: value for key, value in machine().items() if key in ("processor", "cores", "date")
    }
    content = {"minutes": minutes, "seed": seed, "lanes": LANES, "most": local.MOST_KILLS}
    content |= about | {"length": length, "rows": [row.as_json() for row in rows]}
    path = Path(__file__)
    path.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    path.with_suffix(".md").write_text(page(content))


if __name__ == "__main__":
    main()
