import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("scaling")


def test_the_work_of_a_search_is_counted_as_it_is_done(scaling: ModuleType) -> None:
    point = scaling.Point(images=12, amounts=3, replicates=2)
    # 12 real and 200 tuning images once; 12 and 24 added ones, the larger holds the smaller, twice
    assert point.features == 200 + 12 + 2 * 24
    batches = 2 + 3 + 5  # of 12, 24 and 36 images, 8 at a time
    assert point.steps == 2 * 100 * batches


def test_the_slope_is_the_power(scaling: ModuleType) -> None:
    assert scaling.slope([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) == pytest.approx(2)


def test_a_search_tries_every_amount(scaling: ModuleType) -> None:
    found = scaling.search(scaling.Point(images=24, amounts=2))
    assert found["seconds"] > 0
    assert found["peak_mb"] >= found["before_mb"] > 50
