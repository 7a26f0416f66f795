import random
import sys
from collections import Counter
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from fault_kinds import damage, runs

    yield damage, runs
    for name in [name for name in sys.modules if name.startswith("fault_kinds")]:
        del sys.modules[name]


def test_lost_and_doubled_entries_and_other_numbers_are_counted(kinds):
    _, runs = kinds
    right = runs.Ended({"K": 3}, Counter({("search", 1): 1, ("search", 2): 1}))
    row = runs.Row("kind")
    row.compare(right, right)
    row.compare(runs.Ended({"K": 3}, Counter({("search", 1): 2})), right)
    row.compare(runs.Ended({"K": 4}, right.entries + Counter([("search", 9)])), right)
    assert (row.runs, row.identical, row.lost, row.twice) == (3, 2, 1, 2)


def test_a_damaged_file_is_another_one(kinds, tmp_path):
    damage, _ = kinds
    path, moments = tmp_path / "a.npy", random.Random(0)
    for _ in range(50):
        path.write_bytes(whole := bytes(range(1, 200)))
        damage.hurt(path, moments)
        assert path.read_bytes() != whole


def test_files_that_are_never_read_back_are_left_alone(kinds):
    damage, runs = kinds
    own = Path("/run") / runs.RUN
    assert damage.kind_of(own / "log.jsonl") is None
    assert damage.kind_of(own / "artifacts/source-acgan-fold0/samples/000040.png") is None
    assert damage.kind_of(own / "artifacts/source-acgan-fold0/pool/class0_0-64_ab.npy") == "pool"
    assert damage.kind_of(own / "ledger.db") == "ledger"
    assert damage.kind_of(own / "declaration.json") == "remembered fact"
