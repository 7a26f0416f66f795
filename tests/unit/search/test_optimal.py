import doctest
import math
import subprocess
import sys

import numpy as np
import pytest

from augsearch.search import (
    Saturation,
    SearchRule,
    SlidingWindow,
    Sweep,
    find_optimal_multiple,
    optimal,
)


def peak(k):
    return 0.9 - 0.01 * abs(k - 14)


def refuse(k):
    pytest.fail(f"multiple {k} was evaluated")


class Batch:
    """Scores all amounts that it is given, and remembers the calls."""

    def __init__(self, score):
        self.score = score
        self.calls = []

    def score_many(self, multiples):
        self.calls.append(list(multiples))
        for multiple in multiples:
            yield [self.score(multiple)]


def test_the_published_example():
    found = find_optimal_multiple(peak, window=12)
    assert (found.multiple, found.stopped_at, found.reason) == (14, 26, "window")
    assert found.score == 0.9
    assert [e.multiple for e in found.history] == list(range(1, 27))
    assert all(type(e.multiple) is float for e in found.history)
    assert [e.score for e in found.history] == [peak(k) for k in range(1, 27)]


def test_a_batch_score_gets_everything_certain_at_once():
    score = Batch(peak)
    found = find_optimal_multiple(score, window=12)
    assert score.calls == [list(range(1, 13)), list(range(13, 25)), [25, 26]]
    assert found == find_optimal_multiple(peak, window=12)


def test_whole_amounts_reach_the_score_as_int():
    seen = []
    find_optimal_multiple(lambda k: seen.append(k) or 0.5, window=3)
    assert seen == [1, 2, 3, 4]
    assert all(type(k) is int for k in seen)


def test_fractional_steps():
    found = find_optimal_multiple(lambda k: -abs(k - 2.5), window=3, step=0.5)
    assert (found.multiple, found.stopped_at) == (2.5, 4)
    assert type(found.multiple) is float
    assert type(found.stopped_at) is int


def test_no_finite_score():
    found = find_optimal_multiple(lambda k: math.nan, window=5)
    assert (found.multiple, found.score, found.stopped_at) == (None, None, 5)
    assert found.reason == "no_finite_score"
    assert len(found.history) == 5


def test_max_multiple():
    found = find_optimal_multiple(lambda k: k, max_multiple=4)
    assert (found.multiple, found.stopped_at, found.reason) == (4, 4, "max_multiple")


def test_minimize():
    assert find_optimal_multiple(lambda k: abs(k - 3), window=2, direction="minimize").multiple == 3


def test_replicates_are_averaged():
    calls = iter(range(100))
    found = find_optimal_multiple(lambda k: next(calls), window=1, max_multiple=2, replicates=3)
    assert [e.scores for e in found.history] == [(0, 1, 2), (3, 4, 5)]
    assert [e.score for e in found.history] == [1, 4]


def test_settings_may_be_numbers_of_numpy():
    found = find_optimal_multiple(peak, np.int64(2), start=np.float32(1), replicates=np.int8(2))
    assert found == find_optimal_multiple(peak, 2, start=1.0, replicates=2)


def test_one_nan_replicate_disqualifies_the_amount():
    found = find_optimal_multiple(lambda k: [9, math.nan] if k == 2 else [-k, -k], window=2)
    assert math.isnan(found.history[1].score)
    assert found.history[1].scores[0] == 9
    assert (found.multiple, found.stopped_at) == (1, 3)


def test_callbacks_see_every_evaluation_and_the_best_so_far():
    seen = []
    scores = {1: math.nan, 2: 0.5, 3: 0.4}
    found = find_optimal_multiple(
        scores.__getitem__, window=1, max_multiple=3, callbacks=[lambda *pair: seen.append(pair)]
    )
    assert [evaluation for evaluation, _ in seen] == list(found.history)
    assert [best and best.multiple for _, best in seen] == [None]
    seen.clear()
    find_optimal_multiple(
        scores.__getitem__, window=2, max_multiple=3, callbacks=[lambda *pair: seen.append(pair)]
    )
    assert [best and best.multiple for _, best in seen] == [None, 2, 2]


def test_callbacks_that_can_be_listed_once_only_are_called_every_time():
    seen = []
    find_optimal_multiple(
        peak, max_multiple=3, callbacks=iter([lambda new, best: seen.append(new)])
    )
    assert [one.multiple for one in seen] == [1, 2, 3]


def test_a_batch_score_is_closed_when_a_callback_raises():
    closed = []

    class Workers:
        def score_many(self, multiples):
            try:
                yield from ([0.5] for _ in multiples)
            finally:
                closed.append(True)

    def stop(evaluation, best):
        assert not closed
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        find_optimal_multiple(Workers(), callbacks=[stop])
    assert closed  # although `caught` still holds the frames
    del caught


def test_a_rule_instance_brings_its_settings():
    found = find_optimal_multiple(peak, rule=SlidingWindow(window=3))
    assert (found.multiple, found.stopped_at) == (14, 17)


def test_a_rule_of_the_callers_own():
    class Grid(SearchRule):
        def propose(self, history):
            return (1, 4, 16)[len(history) :]

        def finished(self, history):
            return "grid" if len(history) == 3 else None

        def best(self, history):
            return max(history, key=lambda e: e.score, default=None)

    found = find_optimal_multiple(peak, rule=Grid())
    assert (found.multiple, found.reason, found.stopped_at) == (16, "grid", 16)


def test_every_amount_of_a_list_by_name_or_by_rule():
    score, amounts = Batch({0: 0.6, 500: 0.79, 1000: 0.8}.get), [0, 500, 1000]
    found = find_optimal_multiple(score, rule="sweep", amounts=amounts)
    assert (found.multiple, found.stopped_at, found.reason) == (1000, 1000, "all_amounts")
    assert score.calls == [amounts]
    assert find_optimal_multiple(score, rule=Sweep(amounts)) == found
    found = find_optimal_multiple(score, rule="saturation", amounts=amounts, tolerance=0.01)
    assert (found.multiple, found.score) == (500, 0.79)
    assert find_optimal_multiple(score, rule=Saturation(amounts, 0.01)) == found
    found = find_optimal_multiple(score, rule="sweep", amounts=amounts, direction="minimize")
    assert found.multiple == 0


def test_no_amount_of_a_list_has_a_finite_score():
    found = find_optimal_multiple(lambda k: math.nan, rule="sweep", amounts=(1, 2))
    assert (found.multiple, found.score, found.stopped_at) == (None, None, 2)
    assert found.reason == "no_finite_score"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, "window must be at least 1 but got 0"),
        ({"replicates": 0}, "replicates must be at least 1 but got 0"),
        (
            {"rule": "windw"},
            "rule must be one of sliding-window, sweep, saturation, halving, tpe but",
        ),
        ({"direction": "up"}, "direction must be one of maximize, minimize but got 'up'"),
        ({"direction": "up", "rule": SlidingWindow()}, "direction must be one of"),
        ({"rule": SlidingWindow(), "window": 3}, "window must be 12 beside SlidingWindow"),
        ({"rule": SlidingWindow(direction="minimize")}, "direction must be 'minimize' beside"),
        ({"rule": SlidingWindow(), "amounts": (1, 2)}, "amounts must be left out beside Sliding"),
        ({"amounts": (1, 2)}, "amounts must be left out beside rule 'sliding-window' but got"),
        ({"tolerance": 0.1}, "tolerance must be 0.005 beside rule 'sliding-window' but got 0.1"),
        (
            {"rule": "sweep", "amounts": (1, 2), "window": 3},
            "window must be 12 beside rule 'sweep' but got 3; it takes amounts, direction",
        ),
        (
            {"rule": "sweep", "amounts": (1, 2), "tolerance": 0.1},
            "tolerance must be 0.005 beside rule 'sweep' but got 0.1",
        ),
        (
            {"rule": "saturation", "amounts": (1, 2), "max_multiple": 3},
            "max_multiple must be left out beside rule 'saturation' but got 3; it takes amounts, "
            "tolerance, direction",
        ),
        ({"rule": "sweep", "amounts": ()}, "amounts must not be empty"),
        ({"storage": "search.db"}, "storage must be an Optuna storage or its URL"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_optimal_multiple(peak, **arguments)


def test_arguments_of_the_wrong_type():
    with pytest.raises(TypeError, match="score must be a function"):
        find_optimal_multiple(0.5)
    with pytest.raises(TypeError, match="rule must be a rule's name or a SearchRule"):
        find_optimal_multiple(peak, rule=12)
    with pytest.raises(TypeError, match="amounts must be a list of numbers but got None"):
        find_optimal_multiple(peak, rule="sweep")
    with pytest.raises(TypeError, match="replicates must be a whole number"):
        find_optimal_multiple(peak, replicates=1.5)
    with pytest.raises(TypeError, match="study_name must be text, to find it again by, but got No"):
        find_optimal_multiple(refuse, study_name=None)
    for callbacks in (print, ["print"], 3):
        with pytest.raises(TypeError, match="callbacks must be a list of functions but got"):
            find_optimal_multiple(refuse, callbacks=callbacks)
    with pytest.raises(ValueError, match="replicates must be 1 beside a score with score_many"):
        find_optimal_multiple(Batch(peak), replicates=2)


def test_another_number_of_replicates_than_before():
    with pytest.raises(ValueError, match="2 replicates for every multiple, as for 1, but gave 3"):
        find_optimal_multiple(lambda k: [0.5] * (k + 1))


def test_repr_is_short():
    found = find_optimal_multiple(peak, window=2)
    assert repr(found) == (
        "SearchResult(multiple=14, score=0.9, stopped_at=16, reason='window', "
        "history=<16 evaluations>)"
    )


def test_the_docstring_is_true():
    outcome = doctest.testmod(optimal)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_importing_the_room_is_light():
    code = (
        "import sys, augsearch.search\n"
        "print([m for m in ('torch', 'mlflow', 'optuna', 'sqlalchemy') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
