"""The page that shows a campaign, made from its numbers alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fault_kinds.outcomes import Row

TEXT = """\
# Fault campaign
Made by `python benchmarks/faults.py --minutes {minutes:g} --seed {seed} --write`, all of it, on
{date}: {processor}, {cores} cores that other work may have shared. More minutes: more of all.

A tiny study (ACGAN on 24 images of 16 x 16 pixels, frozen resnet18, a search over K) is disturbed
while it runs and then started again with the same command. Its `results.json` must be that of the
undisturbed run, apart from times; its ledger must hold every trial and its MLflow store every run,
with the same state, and every point exactly once. Each run is a process of its own, forked from
one that has loaded the libraries and runs nothing itself, which saves the seconds that loading
takes. {lanes} kinds at a time are tried side by side. An undisturbed run took {length:.0f} s.

## What was found
{found}

{table}

## What was done
- SIGKILL: again and again until the run ends, at most {most} times, each after a random wait; the
  longest wait is chosen so that a run is killed about nine times. The last column counts the
  stages that were hit.
- Ray: a cluster of this machine alone, with a token. A worker that is making a call is killed, or
  the controller, each time in a stage that is drawn from those still to come and after a random
  wait in it.
- Disk full: a tmpfs that has room for 10 kB to 6 MB more, and then for everything.
- Two controllers: a second command on the same run directory; on a shared ledger, another machine
  (folder) that then takes the run over from the first one, which is killed.
- Damaged files: one bit flipped, the file cut short, or 512 bytes of zeros, at a random place of a
  random file of a run that was stopped in training, in the search or before the report, or of a
  finished one. The run makes the file again or does not need it; or it refuses it by name, the
  file is removed as the message says, and the run goes on. Not among these files: tables, figures
  and the report, which are never read back; the ledger of a finished run, neither; and the log,
  which gives a resumed run nothing but warnings and losses to show again.
- MLflow: a real server behind a proxy that refuses connections, takes them and never answers,
  answers after a second, or cuts the connection once the server has the request; or the server
  itself is killed with all its processes and started again. `augsearch sync` sends what is left.
- PostgreSQL: stopped at once (`pg_ctl -m immediate`) and started again within a second.
- Clock: the run's own, not the machine's. In the process of the run, before it begins,
  `time-machine` exchanges the C functions behind `time.time`, `time.time_ns`, `datetime.now` and
  their like, for all threads and libraries in Python, and a thread moves that clock to a random
  time up to a year from the true one, again and again; the run is killed once and goes on at
  another time. The monotonic clock is left alone, as such jumps leave it alone. What asks the
  kernel from C is not deceived: times of files, `CURRENT_TIMESTAMP` of a database.
"""


def table(rows: Iterable[Row]) -> str:
    """Return the rows as Markdown, with their sum below."""
    lines = [
        "| faults | injected | runs | identical | entries lost | entries twice | of these |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    total = Row("**all**")
    for row in rows:
        total += Row("", row.faults, row.runs, row.identical, row.lost, row.twice)
        lines.append(_line(row))
    return "\n".join([*lines, _line(total)])


def _line(row: Row) -> str:
    said = ", ".join(f"{count} {what}" for what, count in sorted(row.details.items()))
    said = f"LEFT OUT: {row.left_out}" if row.left_out else said
    cells = (row.kind, row.faults, row.runs, row.identical, row.lost, row.twice, said)
    return "| " + " | ".join(map(str, cells)) + " |"


def summary(rows: Iterable[Row]) -> str:
    """Return the totals in one sentence, which docs/reference.md repeats."""
    every = sum(rows, Row(""))
    return (
        f"{every.faults:,} faults in {every.runs} runs, {every.identical} of them with identical "
        f"results, {every.lost or 'no'} entries lost, {every.twice or 'none'} there twice"
    )


def found(rows: list[Row]) -> str:
    """Return what came out, in words."""
    killed = sum((row for row in rows if row.kind.startswith("SIGKILL")), Row(""))
    sentences = [
        f"{summary(rows)}.",
        f"{killed.faults} of the faults are SIGKILLs, in {killed.runs} runs.",
    ]
    wrong = [row for row in rows if not row.is_right]
    for row in wrong:
        why = row.left_out or ("it was never reached" if not row.faults else "see its line")
        sentences.append(f"NOT AS IT SHOULD BE: {row.kind} ({why}).")
    return "\n".join(sentences)


def page(content: dict[str, Any]) -> str:
    """Return the whole page from what the command wrote as JSON."""
    rows = [Row.from_json(row) for row in content["rows"]]
    return TEXT.format(**content, found=found(rows), table=table(rows))
