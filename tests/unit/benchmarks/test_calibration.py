import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from augsearch.seeds import Seed

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "calibration.py"


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibration", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_window_stops_twelve_after_the_best(calibration: ModuleType) -> None:
    scores = np.zeros(26)
    scores[2], scores[15] = 0.5, 0.9  # 15 = 2 + 13: one too late
    assert calibration.window_search(scores) == 2
    scores[14] = 0.8
    assert calibration.window_search(scores) == 15


def test_simulated_scores_have_the_auc_they_promise(calibration: ModuleType) -> None:
    study = calibration.Study(Seed.of(0), gain=0.05)
    aucs = study.trainings(np.array([0, 5]), 400)
    assert aucs.mean(axis=1) == pytest.approx([0.80, 0.85], abs=0.003)
    assert aucs.std(axis=1) == pytest.approx([0.015, 0.015], abs=0.002)
    labels, shared = study.images(20_000, 2)
    scores = study.scores(labels, shared, np.array([[0.80], [0.85]]))
    found = calibration.auc(labels, scores)[:, 0]
    assert found == pytest.approx([0.80, 0.85], abs=0.01)
    assert np.corrcoef(scores[:, 0, labels == 0])[0, 1] == pytest.approx(0.7, abs=0.02)


def test_a_few_studies_of_every_cell_make_the_tables(
    calibration: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration.main(["--studies", "2", "--out", str(tmp_path)])
    text = (tmp_path / "calibration.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    found = json.loads((tmp_path / "calibration.json").read_text())
    assert [len(found[name]) for name in ("searched", "swept", "endpoints")] == [8, 3, 8]
    assert all(0 <= row["helps"] <= 1 for rows in list(found.values())[1:] for row in rows)
    assert text.count("| 39 |") == 5


def test_the_committed_table_holds_the_nominal_level() -> None:
    found = json.loads(SCRIPT.with_suffix(".json").read_text())
    assert found["studies"] >= 2000
    for row in found["searched"]:
        error = 1.96 * (0.025 * 0.975 / row["studies"]) ** 0.5
        assert row["helps"] <= 0.025 + error
        assert row["coverage"] > 0.95 - 2 * error
        assert row["helps"] < row["delong_test"] < 1
