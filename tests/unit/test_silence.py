import logging
import threading
import warnings

import pytest

from augsearch.silence import Silence


def test_of_two_threads_neither_keeps_the_others_silence():
    silence = Silence()
    before = list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def first():
        with silence:
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(30)
    with silence:
        leave.set()
        thread.join(30)
        warnings.warn("unheard", UserWarning, stacklevel=1)
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


@pytest.mark.parametrize(("below", "heard"), [(logging.ERROR, ["wrong"]), (None, [])])
def test_a_logger_is_silent_meanwhile(below, heard, caplog):
    logger = logging.getLogger("talking")
    logger.setLevel(logging.INFO)
    with Silence("talking") if below is None else Silence("talking", below):
        logger.warning("odd")
        logger.error("wrong")
    logger.info("back")
    assert caplog.messages == [*heard, "back"]


def test_an_error_ends_it_as_well():
    before = list(warnings.filters)
    silence = Silence()
    for _ in range(2):
        with pytest.raises(KeyError), silence:
            raise KeyError
    assert warnings.filters == before
