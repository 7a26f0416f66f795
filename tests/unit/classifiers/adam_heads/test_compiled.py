import os
import subprocess
import sys
from pathlib import Path

import numba
from numba.core import caching

from augsearch.classifiers.adam_heads.compiled import compiled

COUNTS = """
from augsearch.classifiers.adam_heads import cpu, shuffling
for loop in (cpu._train, shuffling.shuffled):
    print(sum(loop.stats.cache_hits.values()), sum(loop.stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    def counts() -> list[str]:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", COUNTS]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout.splitlines()

    assert counts() == ["0 1", "0 1"]
    assert counts() == ["1 0", "1 0"]


def test_where_nothing_can_be_written_the_loop_is_compiled_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    twice = compiled(numba.int64(numba.int64))(lambda number: 2 * number)
    assert twice(4) == 8


def test_a_full_disk_is_no_reason_to_fail(monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(caching.Cache, "save_overload", full)
    twice = compiled(numba.int64(numba.int64))(lambda number: 2 * number)
    assert twice(4) == 8
