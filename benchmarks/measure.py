"""What every benchmark shares: facts of the machine, fair timing, one file of results per day.

Benchmarks are run as files (``python benchmarks/heads.py``), so this module is imported by its
plain name. Timings of one table are taken in turns within one run: a machine that slows down for a
while slows all of them down.
"""

import datetime
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from augsearch.files import read_json, write_json

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("augsearch", "torch", "torchvision", "numpy", "numba", "scikit-learn", "scipy")


def machine() -> dict[str, Any]:
    """Return processor, cores, instruction set, GPU (None without), versions and date."""
    import torch

    return {
        "processor": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "date": datetime.date.today().isoformat(),
    }


def interleaved(tasks: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time several tasks in turns.

    Args:
        tasks: What to time, by name. Each is called once before to warm up; what that took is
            said on standard error, for those who wait.
        repeats: Timed rounds, at least 1; every other round goes backwards.

    Returns:
        Median wall-clock seconds of one call, by name.
    """
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for name, task in tasks.items():
        start = time.perf_counter()
        task()
        print(f"{name}: {time.perf_counter() - start:.2f} s", file=sys.stderr, flush=True)
    for turn in range(repeats):
        for name in list(tasks)[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            tasks[name]()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def record(section: str, facts: Mapping[str, Any]) -> Path:
    """Put `facts` under `section` into today's results file of this machine; others stay.

    Args:
        section: Name of the benchmark.
        facts: All that was found, as JSON. Under "headline" the few rows for the README's table,
            which ``docs/performance.py`` makes: ``[{"what": "a head step, 130 heads at once",
            "augsearch": 4.1, "other": 628.0, "against": "a plain PyTorch loop", "unit": "µs",
            "ratio": 153.0}, ...]``. Numbers stay numbers; `ratio` is how many times better
            augsearch is, whichever direction is better. A row without a rival leaves out `other`,
            `against` and `ratio`. An optional "note" is printed after `what`.

    Returns:
        The file, ``benchmarks/results/<machine>-<date>.json``.
    """
    about = machine()
    path = RESULTS / f"{_slug(about)}-{about['date']}.json"
    results = read_json(path) if path.exists() else {}
    results["machine"] = about
    # Kept with each section: thread settings may differ from one benchmark to the next.
    results[section] = {"threads": about["threads"], **facts}
    write_json(path, results)
    return path


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as a Markdown table; numbers get three significant digits."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(
            r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE
        )
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    # Those this process may use, which a container often limits.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _slug(about: Mapping[str, Any]) -> str:
    words = f"{about['processor']} {about['cores']} cores {about['gpu'] or ''}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
