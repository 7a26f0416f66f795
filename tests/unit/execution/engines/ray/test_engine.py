from augsearch.events import Advanced, Warned
from augsearch.execution.engines.ray.engine import _once


def test_a_warning_that_a_fit_repeats_is_heard_once():
    told = []
    tell = _once(told.append)
    for event in (Warned("a"), Advanced(1, 2, "epochs"), Warned("b"), Warned("a")):
        tell(event)
    tell(Advanced(1, 2, "epochs"))
    assert told == [
        Warned("a"),
        Advanced(1, 2, "epochs"),
        Warned("b"),
        Advanced(1, 2, "epochs"),
    ]
