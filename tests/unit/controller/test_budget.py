"""max_hours stops a run in time, and costs it nothing but time."""

import re

import pytest
from PIL import Image

from augsearch.controller.budget import Budget
from augsearch.controller.run import run_in
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.opening import OPENED
from augsearch.errors import TimeUpError
from augsearch.events import Advanced, StageStarted, TrialCompleted, Warned, silent
from augsearch.records import Evaluation
from augsearch.study.schema.study import StudyFile

HOUR = 3600.0
SCORE = Evaluation.of(1, [0.5])


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("augsearch.controller.budget.time", clock)
    return clock


def hear(budget, *events):
    for event in events:
        budget.listen(event)


def test_a_run_stops_at_the_first_step_after_its_time(clock):
    budget = Budget(2)
    clock.now = 1.99 * HOUR
    hear(budget, StageStarted("sources"), *(Advanced(n, 90, "iterations") for n in (0, 25, 50)))
    clock.now = 2 * HOUR
    hear(budget, Warned("it is late"))
    with pytest.raises(TimeUpError, match=re.escape("stage: sources (75 of 90 iterations)")):
        budget.listen(Advanced(75, 90, "iterations"))


def test_a_run_without_a_limit_goes_on_for_ever(clock):
    budget = Budget(None)
    clock.now = 1e9
    hear(budget, StageStarted("a"), Advanced(0, 9, "images"), Advanced(9, 9, "images"))


@pytest.mark.parametrize(
    "events",
    [
        [Advanced(250, 900, "iterations")],  # where the call before left off
        [Advanced(1, 9, "epochs"), Advanced(2, 9, "epochs"), StageStarted("test")],
        [Advanced(0, 1, "audits"), StageStarted("search a"), Advanced(64, 99, "images")],
        [Advanced(1, 9, "heads"), Advanced(2, 9, "heads"), TrialCompleted("a", SCORE, SCORE)],
    ],
)
def test_a_call_that_has_kept_nothing_goes_on_however_late_it_is(clock, events):
    budget = Budget(1)
    clock.now = 5 * HOUR
    hear(budget, StageStarted("sources"), *events)


def test_amounts_that_were_trained_together_are_all_kept(clock):
    budget = Budget(1)
    clock.now = HOUR
    trials = [TrialCompleted("a", Evaluation.of(k, [0.5]), SCORE) for k in (1, 2, 3)]
    hear(budget, StageStarted("search a"), Advanced(3, 3, "heads"), *trials)
    with pytest.raises(TimeUpError):
        budget.listen(Advanced(1, 3, "heads"))


ACGAN = {
    "kind": "acgan",
    "generator_filters": [4, 4],
    "discriminator_filters": [4, 4],
    "batch_size": 4,
    "iterations": 60,
    "checkpoint_every": 1000,
}
ARMS = {
    "real": {},
    "search": {"search": {"source": "acgan", "window": 1, "max_multiple": 3}},
    "late": {"base": "search", "add": [{"source": "acgan", "multiple": 2}]},
}


@pytest.fixture
def study(ready):
    """The small study, in one's hands and with the noisy classifier of this folder."""
    return ready(sources={"acgan": ACGAN}, arms=ARMS, audit={"enabled": False}, external=None).study


def call(path, study, hours, listen=silent):
    path.mkdir(parents=True, exist_ok=True)
    directory = RunDirectory(path)
    return run_in(directory, study.model_copy(update={"max_hours": hours}), "", listen)


def numbers(result):
    return result.model_dump(exclude={"seconds"})


def test_a_run_in_many_calls_ends_with_the_numbers_of_an_undisturbed_one(clock, study, tmp_path):
    stopped = []
    path = tmp_path / "calls" / "run"
    for _ in range(20):
        started = clock.now

        def late(event, started=started):
            clock.now = started + HOUR  # whatever happens takes an hour

        try:
            result = call(path, study, 1.0, late)
            break
        except TimeUpError as error:
            stopped.append(str(error))
            assert not (path / "results.json").exists()
    at = [re.search(r"at stage: (.*?)\. So far", message)[1] for message in stopped]
    assert at[:2] == ["sources (25 of 60 iterations)", "sources (50 of 60 iterations)"]
    assert "real: no score yet" in stopped[0] and "nothing was tested" in stopped[0]
    later = next(message for message in stopped if "real: best" in message)
    assert re.search(r"real: best 0\.\d{4} at K = 1\n", later)
    assert "late: no score yet" in later
    assert not RunDirectory(path).remembers(OPENED) or "the test set was opened" in stopped[-1]
    assert numbers(result) == numbers(call(tmp_path / "whole" / "run", study, None))


def test_the_best_so_far_is_said_of_a_search_that_goes_on(clock, study, tmp_path):
    def late(event):
        if isinstance(event, TrialCompleted) and event.arm == "search":
            clock.now = 3 * HOUR

    with pytest.raises(TimeUpError) as caught:
        call(tmp_path / "run", study, 3, late)
    message = str(caught.value)
    assert message.startswith("max_hours = 3 has passed, at stage: search ")
    assert re.search(r"\n  search: best 0\.\d{4} at K = \d", message)
    assert message.endswith("Nothing is lost; the same command goes on.")
    assert caught.value.exit_code == 4


def test_a_search_that_ended_with_its_source_is_done(clock, ready, tmp_path):
    for name in ("clear", "fluid"):
        folder = tmp_path / "made" / name
        folder.mkdir(parents=True)
        for number in range(30):
            Image.new("L", (16, 16), number).save(folder / f"{number}.png")
    few = {"kind": "folder", "path": tmp_path / "made"}
    arms = {
        "real": {},
        "short": {"search": {"source": "few", "window": 9}},
        "after": {"base": "short"},
    }
    study = ready(sources={"few": few}, arms=arms, audit={"enabled": False}, external=None).study

    def late(event):
        if isinstance(event, TrialCompleted) and event.arm == "after":
            clock.now = HOUR

    with pytest.raises(TimeUpError) as caught:
        call(tmp_path / "run", study, 1, late)
    assert re.search(r"\n  short: best 0\.\d{4} at K = \d\n", str(caught.value))


def test_a_study_may_say_another_max_hours_from_call_to_call(study):
    from augsearch.study.compare import differences

    old = study.model_copy(update={"max_hours": 8.0}).model_dump(mode="json")
    assert differences(old, study) == []
    old.pop("max_hours")  # as in a run of an earlier version
    assert differences(old, study) == []
    with pytest.raises(ValueError, match="greater than 0"):
        StudyFile.model_validate(study.model_dump() | {"max_hours": 0})
