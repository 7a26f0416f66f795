"""Write the README's performance table from measured results: `make docs`.

    python docs/performance.py

The results are those that ``benchmarks/*.py`` left in ``benchmarks/results``: of every machine the
newest of each benchmark. What was not measured is left out.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
START, END = "<!-- performance -->", "<!-- /performance -->"
SECTIONS = (
    "sweep",
    "heads",
    "features",
    "gan",
    "end_to_end",
    "verdict",
    "delong",
    "scaling",
    "startup",
)
"""The order of the table; other benchmarks follow by name."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """What one machine showed.

    Attributes:
        machine: Processor, cores, GPU, versions, date (`benchmarks/measure.py`).
        headlines: Section -> its rows for the table, as `measure.record` describes them.
    """

    machine: Mapping[str, Any]
    headlines: Mapping[str, list[Row]]


def measured(folder: Path) -> list[Measured]:
    """Return what every machine showed, in the order of their names."""
    machines: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):  # by machine, then by date
        name = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", path.stem)
        machines.setdefault(name, []).append(json.loads(path.read_text(encoding="utf-8")))
    return [_newest(files) for files in machines.values()]


def _newest(files: list[dict[str, Any]]) -> Measured:
    merged = {name: facts for results in files for name, facts in results.items()}
    machine = merged.pop("machine")
    found = {name: facts["headline"] for name, facts in merged.items() if facts.get("headline")}
    return Measured(machine, {name: found[name] for name in sorted(found, key=_place)})


def _place(section: str) -> tuple[int, str]:
    """Return where a section stands in the table; "sweep-cuda" stands where "sweep" does."""
    name = section.removesuffix("-cuda")
    return SECTIONS.index(name) if name in SECTIONS else len(SECTIONS), section


def as_markdown(results: Iterable[Measured]) -> str:
    """Return one table per machine; machines without a row are left out."""
    parts = []
    for one in results:
        rows = [_cells(row) for rows in one.headlines.values() for row in rows]
        if rows:
            header = ["what", "augsearch", "other", "times better"]
            lines = [header, ["---"] * len(header), *rows]
            table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
            parts.append(f"{_title(one.machine)}\n\n{table}")
    return "\n\n".join(parts)


def with_table(text: str, table: str) -> str:
    """Return the text with the table between its two markers.

    Raises:
        ValueError: The text lacks the markers.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"README.md must hold {START} and, after it, {END}; add both lines.")
    inside = f"\n{table}\n" if table else "\n"
    return f"{before}{START}{inside}{END}{after}"


def _title(machine: Mapping[str, Any]) -> str:
    processor = f"{machine['processor']}, {machine['cores']} cores"
    devices = f"{machine['gpu']}; {processor}" if machine.get("gpu") else processor
    return f"{devices}; torch {machine['versions']['torch']}; {machine['date']}:"


def _cells(row: Row) -> list[str]:
    unit = f" {row['unit']}" if row.get("unit") else ""
    what = f"{row['what']} ({row['note']})" if row.get("note") else row["what"]
    other = ratio = ""
    if row.get("other") is not None:
        other = f"{_number(row['other'])}{unit}, {row['against']}"
        ratio = _number(row["ratio"])
    cells = (what, f"{_number(row['augsearch'])}{unit}", other, ratio)
    return [cell.replace("|", "\\|") for cell in cells]


def _number(value: float) -> str:
    """Return three significant digits, without an exponent from 1,000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    readme = ROOT / "README.md"
    table = as_markdown(measured(ROOT / "benchmarks" / "results"))
    try:
        text = with_table(readme.read_text(encoding="utf-8"), table)
    except ValueError as error:
        sys.exit(str(error))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
