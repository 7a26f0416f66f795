import importlib.util
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching

from augsearch.classifiers.frozen.adam_heads import cpu, shuffling
from augsearch.classifiers.frozen.adam_heads.compiled import compiled

MODULE = """
import numba
from augsearch.classifiers.frozen.adam_heads.compiled import compiled

@compiled(numba.int64(numba.int64))
def twice(number):
    return 2 * number
"""


def _loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("loop", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twice


def test_what_was_compiled_once_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "loop.py"
    path.write_text(MODULE)
    first, second = _loaded(path), _loaded(path)
    assert (first.stats.cache_hits.total(), first.stats.cache_misses.total()) == (0, 1)
    assert (second.stats.cache_hits.total(), second.stats.cache_misses.total()) == (1, 0)
    assert second(4) == 8


@pytest.mark.parametrize("loop", [cpu._train, shuffling.shuffled])
def test_loops_of_heads_are_kept(loop: Any) -> None:
    assert loop.stats.cache_path is not None


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
