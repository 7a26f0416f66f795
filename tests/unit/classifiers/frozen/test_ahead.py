import threading
from collections.abc import Iterator

import pytest

from augsearch.classifiers.frozen.ahead import ahead


def test_items_come_in_their_order_from_another_thread() -> None:
    threads = set()

    def items() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            yield number

    assert list(ahead(items())) == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert list(ahead([])) == []


def test_no_more_than_one_item_is_made_ahead() -> None:
    made = []
    reader = ahead(made.append(number) or number for number in range(20))
    for number in reader:
        assert len(made) <= number + 2
        if number == 5:
            break
    reader.close()
    assert len(made) <= 7


def test_an_error_comes_where_the_item_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("second")

    reader = ahead(items())
    assert next(reader) == 1
    with pytest.raises(KeyError, match="second"):
        next(reader)


def test_the_thread_ends_with_the_reader() -> None:
    before = threading.active_count()
    reader = ahead(iter(range(10)))
    assert next(reader) == 0
    reader.close()
    assert threading.active_count() == before
