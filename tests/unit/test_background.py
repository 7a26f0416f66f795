import threading

import pytest

from augsearch.background import Background


def test_calls_are_made_while_their_caller_goes_on():
    gone_on = threading.Event()
    with Background(1, 1) as background:
        waited = background.call(gone_on.wait, timeout=30)
        gone_on.set()
    assert waited.result() is True


def test_no_more_than_so_many_are_unfinished():
    go, done = threading.Event(), []

    def slow(number):
        go.wait(30)
        done.append(number)

    def ask():
        with Background(2, 3) as background:
            for number in range(4):
                background.call(slow, number)
                asked.append(number)

    asked = []
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.3)
    assert asked == [0, 1, 2]
    go.set()
    asking.join(30)
    assert sorted(done) == asked == [0, 1, 2, 3]


def test_what_a_call_raises_comes_out_and_the_others_are_made():
    done = []
    with pytest.raises(ZeroDivisionError), Background(1, 5) as background:
        background.call(divmod, 1, 0)
        background.call(done.append, 1)
    assert done == [1]


def test_an_error_of_the_block_comes_out_as_itself():
    done = []
    with pytest.raises(KeyError), Background(1, 5) as background:
        background.call(divmod, 1, 0)
        background.call(done.append, 1)
        raise KeyError
    assert done == [1]
