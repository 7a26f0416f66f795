import threading
import time

import pytest

from augsearch.background import Background, in_order


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


def test_slow_calls_are_made_side_by_side_and_come_in_order():
    together = threading.Barrier(3)

    def doubled(number):
        if number < 2:  # these tell how slow it is
            time.sleep(0.002)
        elif number < 5:
            together.wait(30)
        return 2 * number

    assert list(in_order(doubled, range(9))) == [2 * number for number in range(9)]


def test_fast_calls_stay_in_the_thread_of_the_reader():
    threads = in_order(lambda _: threading.current_thread(), range(9))
    # The first may be slow: it loads what the others have then.
    assert set(threads) == {threading.current_thread()}


@pytest.mark.parametrize("seconds", [0, 0.002])
def test_what_a_call_raises_comes_in_its_place(seconds):
    def inverse(number):
        time.sleep(seconds)
        return 12 // number

    found = in_order(inverse, [3, 4, 6, 0, 2])
    assert [next(found) for _ in range(3)] == [4, 3, 2]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_only_a_few_items_are_taken_ahead_and_none_behind_the_end():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    found = in_order(lambda number: time.sleep(0.002), items())
    for _ in range(3):
        next(found)
    found.close()
    assert len(taken) < 12
    assert not [one for one in threading.enumerate() if one.name.startswith("in_order")]


def test_of_nothing_comes_nothing():
    assert list(in_order(str, [])) == []
