import datetime
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("damage", "lanes", "local", "outcomes", "page", "ray_cluster", "runs")
    yield SimpleNamespace(**{name: import_module(f"fault_kinds.{name}") for name in names})
    for name in [name for name in sys.modules if name.startswith("fault_kinds")]:
        del sys.modules[name]


def test_lost_and_doubled_entries_and_other_numbers_are_counted(kinds):
    ended = kinds.outcomes.Ended
    right = ended({"K": 3}, Counter({("search", 1): 1, ("search", 2): 1}))
    row = kinds.outcomes.Row("kind", faults=3)
    row.compare(right, right)
    assert row.is_right
    row.compare(ended({"K": 3}, Counter({("search", 1): 2})), right)
    row.compare(ended({"K": 4}, right.entries + Counter([("search", 9)])), right)
    assert (row.runs, row.identical, row.lost, row.twice) == (3, 2, 1, 2)
    assert not row.is_right


def test_a_damaged_file_is_another_one(kinds, tmp_path):
    path, moments = tmp_path / "a.npy", random.Random(0)
    for _ in range(50):
        path.write_bytes(whole := bytes(range(1, 200)))
        kinds.damage.hurt(path, moments)
        assert path.read_bytes() != whole


def test_files_that_are_never_read_back_are_left_alone(kinds):
    kind_of, own = kinds.damage.kind_of, Path("/run") / kinds.outcomes.RUN
    assert kind_of(own / "log.jsonl") is None
    assert kind_of(own / "artifacts/source-acgan-fold0/samples/000040.png") is None
    assert kind_of(own / "artifacts/source-acgan-fold0/pool/class0_0-64_ab.npy") == "pool"
    assert kind_of(own / "ledger.db") == "ledger"
    assert kind_of(own / "declaration.json") == "remembered fact"


def in_a_fork(call) -> int:
    pid = os.fork()
    if not pid:
        try:
            os._exit(call())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_clock_of_a_run_jumps_and_the_monotonic_one_goes_on(kinds, tmp_path):
    jumps, read = tmp_path / "jumps.txt", time.time  # as a library has imported it before

    def call() -> int:
        true, begun = read(), time.monotonic()
        kinds.local.unsteady_clock(jumps, random.Random(4), 0.02)
        seen = set()
        while len(seen) < 5:
            seen.add(round((read() - true) / 10))
            time.sleep(0.005)
        there = abs(datetime.datetime.now().timestamp() - true) > 20
        return 0 if there and time.monotonic() - begun < 20 else 1

    assert in_a_fork(call) == 0
    offsets = [float(line) for line in jumps.read_text().splitlines()]
    assert len(offsets) >= 4 and min(offsets) < 0 < max(offsets)
    assert max(map(abs, offsets)) <= 366 * 24 * 3600
    assert abs(time.time() - datetime.datetime.now().timestamp()) < 10


def test_kinds_side_by_side_are_added_up_and_what_fails_is_left_out(kinds, tmp_path):
    row, part = kinds.outcomes.Row, kinds.lanes.Part
    (tmp_path / "empty.db").touch()
    campaign = kinds.runs.Campaign(tmp_path, "0", kinds.outcomes.Ended({}, Counter()), 1.0)

    def killed(campaign, until):
        assert time.monotonic() < until
        return [row("killed", 2, 1, 1, details=Counter({"data": 2}))]

    def impossible(campaign, until):
        raise FileNotFoundError("there is no PostgreSQL")

    def dies(campaign, until):
        os.kill(os.getpid(), signal.SIGKILL)

    parts = [part("killed", 0, 1, killed), part("killed", 1, 1, killed)]
    parts += [part("postgres", 0, 1, impossible), part("dies", 0, 5, dies)]
    rows = kinds.lanes.Lanes(campaign, 2, time.monotonic() + 30).go(parts)
    assert [row.kind for row in rows] == ["killed", "postgres", "dies"]
    assert (rows[0].faults, rows[0].runs, rows[0].details["data"]) == (4, 2, 4)
    assert rows[0].is_right and not rows[1].is_right and not rows[2].is_right
    assert "there is no PostgreSQL" in rows[1].left_out
    found = kinds.page.found(rows)
    assert found.startswith("4 faults in 2 runs, 2 of them with identical results, no entries lost")
    assert "NOT AS IT SHOULD BE: postgres (FileNotFoundError: there is no PostgreSQL)." in found


def test_moments_fall_into_stages_that_are_still_to_come(kinds, tmp_path):
    log = tmp_path / kinds.outcomes.RUN / "log.jsonl"
    log.parent.mkdir(parents=True)
    begun = [{"event": "StageStarted", "stage": name} for name in ("data", "sources", "search a")]
    log.write_text("\n".join(map(json.dumps, begun)) + '\n{"event": "StageSta')
    assert kinds.outcomes.stage(tmp_path) == "search"
    lengths = dict.fromkeys(kinds.ray_cluster.STAGES, 0.0)
    moments = kinds.ray_cluster.Moments(random.Random(0), lengths)
    polls = iter(range(10**6))
    process = SimpleNamespace(wait=lambda seconds: None if next(polls) % 50 else 0)
    tried = [moments.waits(process, tmp_path, 0, "test") for _ in range(60)]
    assert 10 < sum(tried) < 50  # search comes at once, test never does, and the run may end


def test_the_page_and_what_the_reference_says_are_those_of_the_numbers(kinds):
    content = json.loads((BENCHMARKS / "faults.json").read_text())
    rows = [kinds.outcomes.Row.from_json(row) for row in content["rows"]]
    assert kinds.page.page(content) == (BENCHMARKS / "faults.md").read_text()
    assert kinds.page.summary(rows) in (ROOT / "docs" / "reference.md").read_text()
    assert all(row.is_right for row in rows)
