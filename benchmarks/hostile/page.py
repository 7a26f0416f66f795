"""What a campaign found, as a page and as JSON."""

from __future__ import annotations

import platform
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


Rows = list[dict[str, Any]]


def rows(campaigns: Sequence[Campaign], seed: int) -> Rows:
    """Return the results, a row for each kind."""
    return [
        {"kind": one.name}
        | {column: one.counts[column] for column in COLUMNS}
        | {"largest_mib": one.largest, "longest_s": round(one.longest, 1), "seed": seed}
        for one in campaigns
    ]


def page(found: Rows, command: str, limits: Any) -> str:
    """Return benchmarks/fuzz.md."""
    meaning = _MEANING.format(seconds=limits.seconds, mebibytes=limits.mebibytes)
    kinds = "\n".join(f"- {row['kind']}: {KINDS[row['kind']].about}" for row in found)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    total = sum(row["cases"] for row in found)
    return f"""\
# Hostile input
Written by `{command}` ({python}, beside other work). Files that were damaged or made to do harm \
go to what the commands call, in processes with a limit on their address space: {total:,} cases, \
made by Hypothesis from the seed. A kind that was tried again with `--kinds` has its new row.

{kinds}

{chr(10).join(table(found))}

{meaning}
"""


def table(found: Rows) -> Iterator[str]:
    """Yield the lines of the results, as Markdown."""
    yield f"| input | seed | {' | '.join(COLUMNS)} | largest (MiB) | longest (s) |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) + 3)}"
    total = {column: sum(row[column] for row in found) for column in COLUMNS}
    total |= {key: max(row[key] for row in found) for key in ("largest_mib", "longest_s")}
    for row in [*found, {"kind": "**all**", "seed": "", **total}]:
        cells = " | ".join(f"{row[column]:,}" for column in COLUMNS)
        ends = f"{row['largest_mib']:,} | {row['longest_s']:.1f}"
        yield f"| {row['kind']} | {row['seed']} | {cells} | {ends} |"
