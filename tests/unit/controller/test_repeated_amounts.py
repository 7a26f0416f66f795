from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.events import TrialCompleted
from augsearch.search import merged
from augsearch.search.rounds import rounds

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


def test_every_round_is_told_with_its_number_even_after_a_stop(world, search):
    told = []

    def stop(event):
        if isinstance(event, TrialCompleted):
            told.append(event)
            if len(told) == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(world, "halving", notify=stop)
    found = search(world, "halving", notify=stop)["halving"].found.history
    asked = [event.evaluation.multiple for event in told]
    assert asked == [entry.multiple for entry in found]
    assert [event.round_number - 1 for event in told] == list(rounds(asked, []))
    assert max(event.round_number for event in told) == 4


def test_after_a_stop_a_round_is_mirrored_with_those_before_it_alone(world, search):
    def stop(event):
        if isinstance(event, TrialCompleted) and event.round_number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(world, "halving", notify=stop)
    told = []
    mirror = SimpleNamespace(trial=lambda *one: told.append(one))
    found = search(world, "halving", mirror=mirror)["halving"].found.history
    scores = {entry.multiple: entry.scores for entry in merged(found)}
    for _, evaluation, cells, number in told:
        known = scores[evaluation.multiple][: 4 * (number + 1)]  # two replicates in two folds
        assert (evaluation.scores, len(cells)) == (known, len(known))
    assert {number for *_, number in told} == {0, 1, 2, 3}


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
