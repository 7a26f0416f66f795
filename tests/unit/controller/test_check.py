import pytest

from augsearch.controller.check import check_study
from augsearch.controller.plan import PlannedWork
from augsearch.events import Warned
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
    told = []
    report = check_study(StudyFile.model_validate(STUDY), told.append)
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
    warned = [event.message for event in told if isinstance(event, Warned)]
    assert report.warnings == warned != []
    assert report.smallest_class[1] == min(row[2] for row in report.parts if row[0] == "train")
