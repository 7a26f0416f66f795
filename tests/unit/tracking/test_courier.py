import threading
import time
from typing import cast

import pytest

from augsearch.events import Event, Warned
from augsearch.tracking import courier
from augsearch.tracking.courier import Courier
from augsearch.tracking.delivery import Delivery


class Fake:
    """Fails the first so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.times: list[float] = []
        self.done = threading.Event()

    def drain(self) -> int:
        self.times.append(time.monotonic())
        if len(self.times) <= self.failures:
            raise ConnectionError("refused by http://ann:secret@host")
        self.done.set()
        return 0


def start(fake: Fake, told: list[Event]) -> Courier:
    return Courier(cast(Delivery, fake), told.append, "Later: augsearch sync RUN")


def test_failures_are_told_once_and_tried_again_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(courier, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(courier, "_LONGEST_PAUSE_S", 0.1)
    told: list[Event] = []
    fake = Fake(failures=4)
    thread = start(fake, told)
    assert fake.done.wait(10)
    thread.close(10)
    pauses = [b - a for a, b in zip(fake.times, fake.times[1:], strict=False)][:4]
    assert all(p >= least for p, least in zip(pauses, (0.05, 0.1, 0.1, 0.1), strict=True))
    assert len(told) == 1
    assert isinstance(told[0], Warned)
    assert "augsearch sync" in told[0].message
    assert "secret" not in told[0].message


def test_news_is_delivered_at_once() -> None:
    fake = Fake(failures=0)
    thread = start(fake, [])
    assert fake.done.wait(10)
    for _ in range(3):
        fake.done.clear()
        thread.wake()
        assert fake.done.wait(10)
    thread.close(10)


def test_closing_tries_once_more_and_does_not_wait_for_the_pause() -> None:
    fake = Fake(failures=1000)
    thread = start(fake, [])
    deadline = time.monotonic() + 10
    while not fake.times and time.monotonic() < deadline:
        time.sleep(0.01)
    begin = time.monotonic()
    thread.close(30)
    assert time.monotonic() - begin < 10
    assert len(fake.times) >= 2
