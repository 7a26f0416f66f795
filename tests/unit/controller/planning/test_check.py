import numpy as np
import pytest
from PIL import Image

from augsearch.controller.planning.check import check_study
from augsearch.controller.planning.plan import PlannedWork
from augsearch.events import StageStarted, Warned, silent
from augsearch.seeds import Seed
from augsearch.study.schema.study import StudyFile

STUDY = {
    "name": "small",
    "images": {"size": 8},
    "data": {"kind": "demo", "train": 20, "tune": 12, "test": 30},
    "external": {"kind": "demo", "site": "shifted", "test": 10},
    "split": {"method": "given"},
    "sources": {"repeat": {"kind": "repeat"}, "classic": {"kind": "classic"}},
    "arms": {
        "real": {},
        "search": {"search": {"source": "repeat", "window": 2}},
        "more": {"base": "search", "add": [{"source": "classic", "multiple": 2}]},
    },
    "evaluation": {"replicates": 2, "test_replicates": 3},
}


def test_the_plan_is_counted_and_timed(clock):
    report = check_study(StudyFile.model_validate(STUDY), silent)
    # K = 1, 2, 3 are certain, and "more" begins at K = 1; then the test trains each arm anew
    once = 60 + 16 + 2 * 0.01
    reading, *plan = report.plan
    assert (reading.stage, reading.amount) == ("data", 20 + 12 + 30 + 10)
    assert 0 < reading.seconds < 60
    expected = [
        ("search", "features", 20 + 12 + 2 * (40 + 20), "images", once),
        ("search", "heads", 2 * 5, "trainings", 0.01 * 2 * (20 + (20 + 40 + 60) + 40)),
        ("test", "features", 30 + 10 + 3 * (40 + 20), "images", 0),
        ("test", "heads", 3 * 3, "trainings", 0.01 * 3 * (20 + 60 + 40)),
    ]
    assert plan == [
        PlannedWork(
            *(stage, f"classifier: {what}", amount, unit),
            pytest.approx(seconds + (amount if unit == "images" else 0)),
        )
        for stage, what, amount, unit, seconds in expected
    ]
    assert report.smallest_class[1] == min(row[2] for row in report.parts if row[0] == "train")


def test_warnings_are_told_and_reported(clock, tmp_path):
    drawn = Seed.of(0).generator().integers(0, 256, (2, 12, 8, 8), dtype=np.uint8)
    drawn[1, 3] = 7
    for label, images in enumerate(drawn):
        (tmp_path / f"class-{label}").mkdir()
        for number, pixels in enumerate(images):
            Image.fromarray(pixels).save(
                tmp_path / f"class-{label}" / f"{'abcdefghijkl'[number]}.png"
            )
    told = []
    changes = {"data": {"kind": "folder", "path": tmp_path}, "split": {}, "external": None}
    report = check_study(StudyFile.model_validate(STUDY | changes), told.append)
    assert report.warnings == [event.message for event in told if isinstance(event, Warned)]
    assert any("class-1/d.png" in warning for warning in report.warnings)


def test_a_measurement_is_announced_where_there_is_one(clock, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    told = []
    for _ in range(2):
        check_study(StudyFile.model_validate(STUDY), told.append)
    stages = [event.stage for event in told if isinstance(event, StageStarted)]
    assert stages == ["data", "measuring this machine", "data"]
