"""Files that change on the disk: a flipped bit, a file cut short, a sector of zeros."""

from __future__ import annotations

import random
import re
import shutil
import time
from pathlib import Path

from fault_kinds.runs import RUN, Campaign, Ended, Row, ended, start, write

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
    moments = campaign.moments("damage")
    rows = {kind: Row(f"damaged {kind}") for kind in KINDS}
    stopped = states(campaign)
    choices = {
        kind: [
            (folder, path.relative_to(folder))
            for folder in stopped
            for path in sorted((folder / RUN).rglob("*"))
            if path.is_file() and path.stat().st_size and kind_of(path) == kind
        ]
        for kind in KINDS
    }
    while time.monotonic() < until:
        for kind, row in rows.items():
            if choices[kind] and time.monotonic() < until:
                _one(campaign, row, *moments.choice(choices[kind]), moments)
    return list(rows.values())


def _one(campaign: Campaign, row: Row, state: Path, path: Path, moments: random.Random) -> None:
    folder = campaign.base / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder)
    how = hurt(folder / path, moments)
    row.faults += 1
    process = start(folder, "run", "study.toml")
    code = process.wait()
    outcome = "made again or not needed"
    for _ in range(4):  # as the message says: remove the file, run again
        if code == 0:
            break
        named = _named(folder, process.text, path)
        if code != 2 or "Traceback" in process.text or named is None:
            print(f"{path} ({how}), state {state.name}")
            row.fails(folder, process)
            return
        outcome = "refused by name"
        named.unlink(missing_ok=True)
        process = start(folder, "run", "study.toml")
        code = process.wait()
    row.details[outcome] += 1
    if code != 0:
        print(f"{path} ({how}), state {state.name}")
        row.fails(folder, process)
        return
    found = ended(folder)
    # Without an outbox everything is sent again, as new runs: that is what its message says.
    expected = campaign.expected
    if not (kind_of(path) == "outbox" and outcome == "refused by name"):
        _tell(row, found, expected, f"{path} ({how}), state {state.name}, {outcome}")
    else:
        row.compare(found, Ended(expected.numbers, found.entries))


def _tell(row: Row, found: Ended, expected: Ended, what: str) -> None:
    before = (row.runs - row.identical, row.lost, row.twice)
    row.compare(found, expected)
    if (row.runs - row.identical, row.lost, row.twice) != before:
        print(
            f"{row.kind}: {what}: {expected.entries - found.entries} lost, "
            f"{found.entries - expected.entries} twice, "
            f"numbers {'equal' if found.numbers == expected.numbers else 'DIFFERENT'}"
        )


def _named(folder: Path, text: str, path: Path) -> Path | None:
    """Return the file that a message names, if it is the damaged one."""
    if path.name in text:
        return folder / path
    return None
