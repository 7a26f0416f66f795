"""A search in its own process, killed with SIGKILL again and again, against one left in peace."""

import os
import random
import subprocess
import sys
import time

import optuna
from optuna.storages import RDBStorage

from augsearch.search import find_optimal_multiple

SEARCH = """
import sys, time
from augsearch.search import find_optimal_multiple

def score(k):
    print(k, flush=True)
    time.sleep(0.03)
    return [0.9 - 0.01 * abs(k - 14), float("nan") if k % 5 == 0 else 0.8]

class Batch:
    def score_many(self, multiples):
        return map(score, multiples)

storage, kind = sys.argv[1:]
print(find_optimal_multiple(Batch() if kind == "batch" else score, storage=storage))
"""


def start(url, kind):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SEARCH, url, kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_eight_kills_change_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    moments = random.Random(0)
    evaluated = 0
    for kill in range(8):
        process = start(url, "batch" if kill % 2 else "single")
        if kill % 4 != 3:
            process.stdout.readline()  # the first evaluation has begun
            if kill == 2:  # once at least an evaluation has ended, however slow the machine is
                evaluated += bool(process.stdout.readline())
            time.sleep(moments.uniform(0, 0.12))
        else:
            time.sleep(moments.uniform(0.2, 0.8))  # imports, connecting, adopting
        process.kill()
        out, err = process.communicate()
        assert err == ""
        evaluated += len(out.splitlines())
    assert evaluated > 0

    process = start(url, "single")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1].startswith("SearchResult(multiple=14, ")

    def score(k):
        return [0.9 - 0.01 * abs(k - 14), float("nan") if k % 5 == 0 else 0.8]

    undisturbed = find_optimal_multiple(score)
    stored = find_optimal_multiple(lambda k: 1 / 0, storage=url)
    assert repr(stored.history) == repr(undisturbed.history)
    storage = RDBStorage(url)
    trials = optuna.load_study(study_name="augsearch", storage=storage).trials
    storage.remove_session()
    storage.engine.dispose()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 26
    assert [trial.params["multiple"] for trial in trials] == list(range(1, 27))
