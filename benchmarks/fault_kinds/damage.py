"""Files that change on the disk: a flipped bit, a file cut short, a sector of zeros."""

from __future__ import annotations

import random
import re
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from fault_kinds.outcomes import RUN, Row, ended
from fault_kinds.runs import Campaign, start, write

KINDS = {
    "checkpoint or network": r"\.safetensors$",
    "ledger": r"ledger\.db$",
    "features": r"artifacts/features/",
    "pool": r"/pool[^/]*/.*\.npy$|class\d+_\d+-\d+_",
    "other array": r"\.npy$",
    "remembered fact": r"\.json$",
    "outbox": r"outbox\.jsonl$",
}
UNREAD = re.compile(r"/(samples|tables|figures)/|log\.jsonl|report\.html|study\.toml|\.lock$")


def states(campaign: Campaign) -> list[Path]:
    """Return runs that were stopped: in training, in the search, and right before the end."""
    made = []
    for number, sign in enumerate(("checkpoint.safetensors", "artifacts/tuning", "artifacts/test")):
        folder = write(campaign.base / f"state{number}")
        (folder / "runs").mkdir()
        shutil.copyfile(campaign.base / "empty.db", folder / "runs/mlflow.db")
        process = start(folder, "run", "study.toml")
        while process.poll() is None and not any(
            sign in str(path) for path in (folder / RUN).rglob("*")
        ):
            time.sleep(0.002)
        if number == 2:
            while process.poll() is None and not (folder / RUN / "report.html").exists():
                time.sleep(0.002)
        process.kill()
        made.append(folder)
    whole = write(campaign.base / "state3")
    shutil.copytree(made[2], whole, dirs_exist_ok=True)
    start(whole, "run", "study.toml").wait()
    return [*made, whole]


def kind_of(path: Path) -> str | None:
    if UNREAD.search(str(path)):
        return None
    return next((kind for kind, sign in KINDS.items() if re.search(sign, str(path))), None)


def hurt(path: Path, moments: random.Random) -> str:
    """Damage a file; return how."""
    content = bytearray(path.read_bytes())
    how = moments.choices(("bit", "cut", "zeros"), (4, 1, 1))[0]
    place = moments.randrange(len(content))
    if how == "bit":
        content[place] ^= 1 << moments.randrange(8)
    elif how == "cut":
        del content[place:]
    else:
        end = min(len(content), place + 512)
        content[place:end] = bytes(end - place)
    path.write_bytes(content)
    return how


def damaged_files(campaign: Campaign, until: float) -> list[Row]:
    """Change a file of a stopped run; the run makes it again, or refuses it by name."""
    moments = campaign.moments()
    rows = {kind: Row(f"damaged {kind}") for kind in KINDS}
    stopped = states(campaign)
    choices = {kind: [one for one in map(partial(_files, kind), stopped) if one] for kind in KINDS}
    choices["ledger"] = choices["ledger"][:-1]  # nobody reads it again once the run is finished
    while time.monotonic() < until:
        for kind, row in rows.items():
            if choices[kind] and time.monotonic() < until:
                _one(campaign, row, *moments.choice(moments.choice(choices[kind])), moments)
    return list(rows.values())


def _files(kind: str, folder: Path) -> list[tuple[Path, Path]]:
    """Return a stopped run with each of its files of a kind."""
    return [
        (folder, path.relative_to(folder))
        for path in sorted((folder / RUN).rglob("*"))
        if path.is_file() and path.stat().st_size and kind_of(path) == kind
    ]


def _one(campaign: Campaign, row: Row, state: Path, path: Path, moments: random.Random) -> None:
    folder = campaign.base / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder)
    how = hurt(folder / path, moments)
    row.faults += 1
    process = start(folder, "run", "study.toml")
    outcome = "made again or not needed"
    for _ in range(4):  # as the message says: remove the file, run again
        if process.wait() == 0:
            break
        named = _named(folder, process.text, path)
        if process.code != 2 or "Traceback" in process.text or named is None:
            break
        outcome = "refused by name"
        named.unlink(missing_ok=True)
        process = start(folder, "run", "study.toml")
    right = (row.runs - row.identical, row.lost, row.twice)
    if process.wait() == 0:
        row.details[outcome] += 1
        _compare(campaign, row, folder, kind_of(path) == "outbox" and outcome == "refused by name")
    else:
        row.fails(folder, process)
    if right != (row.runs - row.identical, row.lost, row.twice):
        print(f"that was {path} ({how}), {state.name}, {outcome}", flush=True)


def _compare(campaign: Campaign, row: Row, folder: Path, sent_again: bool) -> None:
    """Compare; without an outbox everything is sent again, as new runs, as its message says."""
    found = ended(folder)
    row.compare(
        found,
        replace(campaign.expected, entries=found.entries) if sent_again else campaign.expected,
    )


def _named(folder: Path, text: str, path: Path) -> Path | None:
    """Return the file that a message names, if it is the damaged one."""
    if path.name in text:
        return folder / path
    return None
