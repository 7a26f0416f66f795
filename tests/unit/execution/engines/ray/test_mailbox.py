import pytest

from augsearch.errors import TimeUpError
from augsearch.events import Advanced, Warned
from augsearch.execution.engines.ray import mailbox
from augsearch.execution.engines.ray.mailbox import Mailbox, Teller


class Here(Mailbox):
    """The mailbox without Ray between: what is put arrives at once."""

    def tell(self, number=0):
        teller = Teller(None, 0, number)
        teller._put = lambda event: self.put(0, number, event)
        return teller


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(mailbox.time, "monotonic", lambda: now[0])
    return now


def test_events_are_taken_once_and_by_channel():
    box = Mailbox()
    box.put(0, 3, Warned("a"))
    box.put(1, 5, Warned("b"))
    box.put(0, 4, Warned("c"))
    assert box.take(0) == [(3, Warned("a")), (4, Warned("c"))]
    assert box.take(0) == []
    assert box.take(1) == [(5, Warned("b"))]


def test_progress_is_thinned_out_but_its_end_and_everything_else_is_sent(clock):
    box = Here()
    tell = box.tell()
    clock[0] = 10.0
    for done in range(1, 11):
        tell(Advanced(done, 10, "epochs"))
        clock[0] += 0.06
    tell(Warned("now"))
    sent = [event for _, event in box.take(0)]
    assert sent == [
        *(Advanced(done, 10, "epochs") for done in (1, 5, 9, 10)),
        Warned("now"),
    ]


def test_a_call_that_is_to_stop_does_so_after_its_first_step(clock):
    box = Here()
    begun, waiting = box.tell(), box.tell(1)
    begun.begin()
    box.stop(0)
    clock[0] = 10.0
    begun(Advanced(1, 10, "epochs"))
    begun(Warned("still told, to nobody"))
    clock[0] = 11.0
    with pytest.raises(TimeUpError):
        begun(Advanced(2, 10, "epochs"))
    with pytest.raises(TimeUpError):
        waiting.begin()
    assert box.take(0) == []
