"""Hand augsearch thousands of hostile files, and count what comes of them.

    python benchmarks/fuzz.py --minutes 25 --out benchmarks/fuzz.md

Study files, tables, images, MedMNIST archives, DICOM files, weights, readers' answers, finished
runs, outboxes, addresses and arguments, damaged or made to do harm (``benchmarks/hostile``), go to
the functions that the commands call, or to the command line. Each kind has its processes, one after
the other; a case that takes too long is ended from outside. What is counted is in the page that
--out writes. Exit code 1 if anything but "accepted" or "refused" came of a case; cases that fail
are kept in the folder that is printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hostile.campaign import FAULTS, Campaign  # noqa: E402
from hostile.kinds import KINDS  # noqa: E402
from hostile.page import page, rows  # noqa: E402
from tiny import call, tiny_study  # noqa: E402

_HEAVY = ("torchvision", "matplotlib.backends.backend_svg", "sklearn.linear_model", "optuna")
"""What the processes would load one by one."""
_TO_BEGIN, _LEAST = 20.0, 5.0
"""Seconds that a kind takes before its first case, and that it gets for its cases at least."""
_STUDY = tiny_study(
    test=60,
    iterations=20,
    most=3,
    generator="snapshot_every = 20\n",
    more='[arms.twice]\nadd = [{source = "acgan", multiple = 2}]\n[tracking]\nenabled = false\n',
)


def finished_run(folder: Path) -> Path:
    """Run a tiny study and make a page for readers; the changed runs are copies of it."""
    (folder / "tiny.toml").write_text(_STUDY)
    for arguments in (["run", "tiny.toml"], ["reader", "make", "runs/tiny"]):
        call(*arguments, folder=folder, seconds=300)
    return folder / "runs" / "tiny"


def main() -> None:
    """Run the campaign and print its totals."""
    limits = _options()
    limits.keep = Path(tempfile.mkdtemp(prefix="augsearch-fuzz-failures-"))
    root = Path(tempfile.mkdtemp(prefix="augsearch-fuzz-"))
    started = time.monotonic()
    for name in _HEAVY:
        importlib.import_module(name)
    run = limits.run.resolve() if limits.run else finished_run(root)
    shares = sum(KINDS[name].share for name in limits.kinds)
    campaigns = []
    for name in limits.kinds:
        reserved = _TO_BEGIN * (len(limits.kinds) - len(campaigns))
        left = 60 * limits.minutes - (time.monotonic() - started) - reserved
        campaigns.append(Campaign(name, run, root, limits))
        campaigns[-1].go(max(left * KINDS[name].share / shares, _LEAST))
        shares -= KINDS[name].share
        print(f"{name}: {dict(campaigns[-1].counts)}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    _write(campaigns, limits)
    if any(one.counts[fault] for one in campaigns for fault in FAULTS):
        print(f"failures: {limits.keep}")
        sys.exit(1)
    limits.keep.rmdir()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--seconds", type=float, default=240, help="the longest a case may take")
    parser.add_argument("--mebibytes", type=int, default=1536, help="the most it may add to memory")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--run", type=Path, help="a finished run with a reader page, to be changed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the page here, too")
    parser.add_argument(
        "--json", type=Path, help="write the rows here; of some --kinds: into what is there"
    )
    return parser.parse_args()


def _write(campaigns: list[Campaign], limits: argparse.Namespace) -> None:
    found = rows(campaigns, limits.seed)
    command = f"python benchmarks/fuzz.py --minutes {limits.minutes:g} --seed {limits.seed}"
    if limits.json and limits.json.exists() and limits.kinds != list(KINDS):
        before = json.loads(limits.json.read_text())
        anew = {row["kind"]: row for row in found}
        found = [anew.pop(row["kind"], row) for row in before["rows"]] + [*anew.values()]
        command = before["command"]
    text = page(found, command, limits)
    print(text)
    if limits.out:
        limits.out.write_text(text)
    if limits.json:
        limits.json.write_text(json.dumps({"command": command, "rows": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
