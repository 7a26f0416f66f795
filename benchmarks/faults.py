"""Disturb a small study in every way that a machine can, and compare what it ends with.

    python benchmarks/faults.py --minutes 10

Every run that was disturbed is started again and must end with the results.json of an undisturbed
run (apart from times), and its ledger and MLflow must hold every entry exactly once. The study is
tiny, so that a run takes seconds; how often each kind of fault is tried follows from the time.
Kinds that need something which is not there (PostgreSQL, Ray, libfaketime, the right to mount) are
left out and named. Exit code 1 if a run ends otherwise or an entry is lost or there twice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fault_kinds import damage, local, ray_cluster, servers
from fault_kinds.runs import Campaign, Row, ended, preload, start, write

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(THREADS, "1")  # before numpy and torch are loaded
os.environ |= {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
sys.path.insert(0, str(Path(__file__).parents[1]))  # the servers are those of the tests

KINDS: dict[str, tuple[float, Callable[[Campaign, float], Row | list[Row]]]] = {
    "kills": (5, local.kills),
    "disk": (1, local.full_disk),
    "two": (0.7, local.two_controllers),
    "damage": (4, damage.damaged_files),
    "mlflow": (2.5, servers.mlflow),
    "postgres": (2, servers.postgres),
    "ray": (3.5, ray_cluster.kills),
    "clock": (1, local.clock_jumps),
}
"""Name -> (share of the time, what tries it)."""


def empty_store(path: Path) -> None:
    """Make a database of MLflow that has no runs, in another process."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            SqlAlchemyStore(f"sqlite:///{path}", str(path.parent / "mlruns"))
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("MLflow makes no database")


def prepared(base: Path, seed: int) -> Campaign:
    """Load all libraries and run the study undisturbed."""
    preload(base / "first")
    empty_store(base / "empty.db")
    folder = write(base / "undisturbed")
    begun = time.monotonic()
    process = start(folder, "run", "study.toml")
    if process.wait() != 0:
        raise SystemExit(process.text)
    return Campaign(base, seed, ended(folder), time.monotonic() - begun)


def tried(name: str, campaign: Campaign, seconds: float, seed: int) -> list[Row]:
    """Try a kind of fault for so long; one that cannot be tried is a row that says so."""
    try:
        if name == "clock" and "FAKETIME_TIMESTAMP_FILE" not in os.environ:
            return _in_another_clock(campaign, seconds, seed)
        rows = KINDS[name][1](campaign, time.monotonic() + seconds)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return [Row(name, details=Counter([f"LEFT OUT: {error}"[:200]]))]
    return rows if isinstance(rows, list) else [rows]


def _in_another_clock(campaign: Campaign, seconds: float, seed: int) -> list[Row]:
    target = campaign.base / "clock.json"
    arguments = [__file__, "--only", "clock", "--minutes", str(seconds / 60), "--seed", str(seed)]
    local.under_faketime([*arguments, "--json", str(target)], campaign.base)
    found = json.loads(target.read_text())["rows"]
    return [Row(**row | {"details": Counter(row["details"])}) for row in found]


def table(rows: list[Row]) -> str:
    lines = [
        "| faults | injected | runs | identical | entries lost | entries twice | of these |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    total = Row("**all**")
    for row in rows:
        for name in ("faults", "runs", "identical", "lost", "twice"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    for row in [*rows, total]:
        said = ", ".join(f"{count} {what}" for what, count in sorted(row.details.items()))
        cells = (row.kind, row.faults, row.runs, row.identical, row.lost, row.twice, said)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--table", type=Path, help="write the table here")
    options = parser.parse_args()
    begun, shares = time.monotonic(), sum(KINDS[name][0] for name in options.only)
    with tempfile.TemporaryDirectory(prefix="augsearch-faults-") as name:
        base = Path(name)
        campaign = prepared(base, options.seed)
        print(f"undisturbed: {campaign.length:.1f} s, {campaign.expected.entries.total()} entries")
        rows: list[Row] = []
        for name in options.only:
            left = 60 * options.minutes - (time.monotonic() - begun)
            seconds = max(0.0, left) * KINDS[name][0] / shares
            shares -= KINDS[name][0]
            new = tried(name, campaign, seconds, options.seed)
            print(table(new), flush=True)
            rows += new
    took = time.monotonic() - begun
    text = table(rows)
    print(f"{took:.0f} s\n{text}")
    if options.json:
        content = {"minutes": options.minutes, "seed": options.seed, "seconds": round(took)}
        content["rows"] = [vars(row) | {"details": dict(row.details)} for row in rows]
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    if options.table:
        head = Path(__file__).with_name("faults.md").read_text().partition("| faults |")[0]
        options.table.write_text(f"{head}{text}\n")
    sys.exit(any(row.identical != row.runs or row.lost or row.twice for row in rows))


if __name__ == "__main__":
    main()
