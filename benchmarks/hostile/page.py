"""What a campaign found, as a page and as JSON."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hostile.campaign import FAULTS, Campaign
from hostile.kinds import KINDS

COLUMNS = ("cases", "accepted", "refused", *FAULTS)
_MEANING = """\
- tracebacks: anything but success or augsearch's own error with a message
- hangs: no end within {seconds:g} s
- memory: the peak resident memory grew by more than {mebibytes:,} MiB, or the process died
- outside: a file was written, renamed or removed outside the case's own folder, or one from outside
  was sent
- code: code in a file was run, a process started, something unpickled, a connection opened

"Accepted" is what was used: not every change does harm. The last two columns are the memory that a
case added and the time that it took, at most."""


def page(campaigns: Sequence[Campaign], command: str, seconds: float, limits: Any) -> str:
    """Return benchmarks/fuzz.md."""
    meaning = _MEANING.format(seconds=limits.seconds, mebibytes=limits.mebibytes)
    kinds = "\n".join(f"- {one.name}: {KINDS[one.name].about}" for one in campaigns)
    total = sum(one.counts["cases"] for one in campaigns)
    return f"""\
# Hostile input
Written by `{command}` ({platform.python_implementation()} {platform.python_version()}, \
{seconds / 60:.0f} minutes on {platform.machine()}, beside other work). Files that were damaged or \
made to do harm go to what the commands call, in processes with a limit on their address space: \
{total:,} cases, made by Hypothesis from the seed.

{kinds}

{chr(10).join(table(campaigns))}

{meaning}
"""


def table(campaigns: Sequence[Campaign]) -> Iterator[str]:
    """Yield the lines of the results, as Markdown."""
    yield f"| input | {' | '.join(COLUMNS)} | largest (MiB) | longest (s) |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) + 2)}"
    total: Counter[str] = Counter()
    for one in campaigns:
        total += one.counts
        cells = " | ".join(f"{one.counts[column]:,}" for column in COLUMNS)
        yield f"| {one.name} | {cells} | {one.largest:,} | {one.longest:.1f} |"
    cells = " | ".join(f"{total[column]:,}" for column in COLUMNS)
    largest = max(one.largest for one in campaigns)
    longest = max(one.longest for one in campaigns)
    yield f"| **all** | {cells} | {largest:,} | {longest:.1f} |"


def rows(campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Return the results, a row for each kind, for a JSON file."""
    return [
        {"kind": one.name}
        | {column: one.counts[column] for column in COLUMNS}
        | {"largest_mib": one.largest, "longest_s": round(one.longest, 1)}
        for one in campaigns
    ]
