import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.search import merged

K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
SOURCES = {"repeat": {"kind": "repeat"}}
ARMS = {
    "real": {},
    "halving": {"search": {"source": "repeat", "rule": "halving", "max_multiple": 4}},
    "tpe": {"search": {"source": "repeat", "rule": "tpe", "max_multiple": 2, "trials": 5}},
}


@pytest.fixture
def world(ready):
    return ready(split=K_FOLD, sources=SOURCES, arms=ARMS)


def test_outputs_of_all_rounds_are_kept_and_made_again(world, search):
    searched = search(world, *ARMS)
    assert [entry.multiple for entry in searched["halving"].found.history][:8] == [1, 2, 3, 4] * 2
    for name in ("halving", "tpe"):
        arm = searched[name]
        before = {}
        world.trained.clear()
        for entry in merged(arm.found.history):
            outputs = before[entry.multiple] = arm.tuning_outputs(entry.multiple)
            scores = [
                roc_auc_score(fold.tune.labels, one[:, 1])
                for fold, output in zip(world.folds, outputs, strict=True)
                for one in output
            ]
            assert sorted(entry.scores) == pytest.approx(sorted(scores))
        assert world.trained == []
        for path in (world.directory.artifacts / "tuning" / name).glob("*.npy"):
            path.unlink()
        for multiple, outputs in before.items():
            assert all(map(np.array_equal, arm.tuning_outputs(multiple), outputs))
