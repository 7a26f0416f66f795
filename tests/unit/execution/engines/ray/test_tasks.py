from typing import Any

import pytest

from augsearch.execution.engines.ray.tasks import Tasks


class Told:
    """In place of the mailbox: keeps the channels that were stopped."""

    def __init__(self) -> None:
        self.stopped: list[int] = []
        self.stop = self

    def remote(self, channel: int) -> None:
        self.stopped.append(channel)


@pytest.mark.parametrize("running", [[], ["two"]])
def test_a_task_that_has_ended_is_not_cancelled(
    monkeypatch: pytest.MonkeyPatch, running: list[str]
) -> None:
    """Ray kills the process that cancels one in the moment of its end."""
    ray = pytest.importorskip("ray")
    given = ["one", "two"]
    ended = [task for task in given if task not in running]
    cancelled: list[tuple[str, bool]] = []

    def cancel(task: str, force: bool) -> None:
        cancelled.append((task, force))

    monkeypatch.setattr(ray, "get", lambda reference: reference)
    monkeypatch.setattr(ray, "wait", lambda tasks, **_: (ended, running))
    monkeypatch.setattr(ray, "cancel", cancel)
    tasks: Any = Tasks.__new__(Tasks)
    tasks._mailbox, tasks._running = Told(), {3: given}
    tasks.close()
    assert tasks._mailbox.stopped == [3]
    assert cancelled == [(task, True) for task in running]
    assert tasks._running == {}
