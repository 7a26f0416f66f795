import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.seeds import Seed

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("verdict")


@pytest.mark.parametrize("loop", ["pair_loop", "row_loop"])
def test_the_loops_give_delongs_numbers(verdict: ModuleType, loop: str) -> None:
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    a = np.array([0.9, 0.8, 0.35, 0.6, 0.4, 0.3, 0.7, 0.1])
    b = np.array([0.8, 0.9, 0.6, 0.7, 0.2, 0.5, 0.4, 0.3])
    found = getattr(verdict, loop)(labels, [a, b])
    assert vars(found) == pytest.approx(
        {
            "auc_a": 13 / 16,
            "auc_b": 1,
            "variance": 11 / 384,
            "z": -1.1078234188,
            "p_value": 0.2679380841,
        }
    )


def test_simulated_models_share_images_and_have_ties(verdict: ModuleType) -> None:
    labels, scores = verdict.simulated((2, 4000), Seed.of(0))
    aucs = [roc_auc_score(labels, one) for one in scores]
    assert aucs == pytest.approx([0.8, 0.8], abs=0.03)
    assert np.corrcoef(scores[:, labels == 0])[0, 1] == pytest.approx(2.25 / 3.25, abs=0.05)
    assert len(np.unique(scores)) < 2000
