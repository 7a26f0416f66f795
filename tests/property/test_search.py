"""The search against a loop that is written down naively, and through kills at every write."""

import math
from decimal import Decimal
from itertools import count

import optuna
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from augsearch.records import Evaluation
from augsearch.search import Halving, SlidingWindow, TpeRule, find_optimal_multiple

# Eighths are exact in binary, and few of them make ties likely.
scores = st.one_of(
    st.integers(-8, 8).map(lambda n: n / 8),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
searches = st.fixed_dictionaries(
    {
        "window": st.integers(1, 7),
        "start": st.sampled_from([1, 2, 1.0, 1.1, 2.5]),
        "step": st.sampled_from([1, 3, 1.0, 0.1, 0.25, 0.7]),
        "max_multiple": st.sampled_from([None, 2.5, 3, 4.2, 9]),
        "min_delta": st.sampled_from([0.0, 0.125, 0.3]),
        "direction": st.sampled_from(["maximize", "minimize"]),
    }
)
curves = st.lists(scores, max_size=25)
amounts_of_lists = st.lists(
    st.sampled_from([0, 1, 1.5, 2, 3, 7, 100, 500, 10_000_000]), min_size=1, unique=True
).map(sorted)
lists = st.one_of(
    st.fixed_dictionaries(
        {"rule": st.just("sweep"), "amounts": amounts_of_lists},
        optional={"direction": st.sampled_from(["maximize", "minimize"])},
    ),
    st.fixed_dictionaries(
        {
            "rule": st.just("saturation"),
            "amounts": amounts_of_lists,
            "tolerance": st.sampled_from([0, 0.125, 0.3, 1.0]),
        },
        optional={"direction": st.sampled_from(["maximize", "minimize"])},
    ),
)


directions = st.sampled_from(["maximize", "minimize"])
repeating = st.one_of(
    st.builds(
        Halving, st.sampled_from([None, 1, 2.5, 4, 9, 90]), st.booleans(), direction=directions
    ),
    st.builds(
        TpeRule,
        st.sampled_from([1, 3, 3.5, 60]),
        st.integers(1, 13),
        st.booleans(),
        st.integers(0, 3),
        direction=directions,
    ),
)


def one_at_a_time(curve, window, start, step, max_multiple, min_delta, direction):
    """Return (amounts, position of the winner or None, reason), the slow and plain way.

    After its end a curve goes on with NaN, so that every search ends.
    """
    amounts, winner = [], None
    for i in count():
        amount = Decimal(str(start)) + i * Decimal(str(step))
        if max_multiple is not None and amount > Decimal(str(max_multiple)):
            return amounts, winner, "no_finite_score" if winner is None else "max_multiple"
        amounts.append(float(amount))
        score = curve[i] if i < len(curve) else math.nan
        if math.isfinite(score):
            if winner is None:
                gains = True
            elif direction == "maximize":
                gains = score > curve[winner] + min_delta
            else:
                gains = score < curve[winner] - min_delta
            winner = i if gains else winner
        if winner is None and i + 1 == window:
            return amounts, None, "no_finite_score"
        if winner is not None and i - winner >= window:
            return amounts, winner, "window"
    raise AssertionError


class Scorer:
    """Reads a curve by amount, however the amounts come, and keeps what was asked of it."""

    def __init__(self, curve, search):
        if "amounts" in search:
            amounts = search["amounts"]
        else:
            start, step = (Decimal(str(search[name])) for name in ("start", "step"))
            amounts = [float(start + i * step) for i in range(60)]
        self.curve = dict(zip(amounts, [*curve, *[math.nan] * len(amounts)], strict=False))
        self.seen = []

    def __call__(self, multiple):
        self.seen.append(multiple)
        return self.curve[multiple]


class BatchScorer(Scorer):
    def score_many(self, multiples):
        self.seen.extend(multiples)
        return ([self.curve[multiple]] for multiple in multiples)


class RoundScorer:
    """Reads scores from a curve by amount and round; keeps what was asked of it."""

    def __init__(self, curve):
        self.curve = curve or [0.5]
        self.seen = []

    def score(self, multiple, round_):
        return self.curve[int(4 * multiple + 7 * round_) % len(self.curve)]

    def score_many(self, multiples):
        yield from self.score_rounds([(multiple, 0) for multiple in multiples])

    def score_rounds(self, asked):
        for multiple, round_ in asked:
            self.seen.append((multiple, round_))
            yield [self.score(multiple, round_)]


def legal(search):
    return search["max_multiple"] is None or search["max_multiple"] >= search["start"]


@settings(max_examples=150)
@given(curves, searches.filter(legal))
def test_equals_the_plain_loop_and_evaluates_nothing_else(curve, search):
    amounts, winner, reason = one_at_a_time(curve, **search)
    for scorer in (Scorer(curve, search), BatchScorer(curve, search)):
        found = find_optimal_multiple(scorer, **search)
        assert scorer.seen == amounts
        assert [e.multiple for e in found.history] == amounts
        assert found.reason == reason
        assert found.stopped_at == amounts[-1]
        assert found.multiple == (None if winner is None else amounts[winner])
        assert found.score == (None if winner is None else curve[winner])
        whole = type(search["start"]) is int and type(search["step"]) is int
        assert all(type(multiple) is (int if whole else float) for multiple in scorer.seen)


@settings(max_examples=300)
@given(curves, searches.filter(legal))
def test_what_is_proposed_is_certain_and_empty_only_at_the_end(curve, search):
    rule = SlidingWindow(**search)
    amounts, _, reason = one_at_a_time(curve, **search)
    history = []
    for i, amount in enumerate(amounts):
        certain = rule.propose(history)
        assert rule.finished(history) is None
        assert certain
        assert list(certain) == amounts[i : i + len(certain)]
        # And no more is certain: a continuation without any gain ends just there.
        none = [*history, *(Evaluation.of(k, [math.nan]) for k in certain)]
        assert rule.propose(none) == ()
        history.append(Evaluation.of(amount, [curve[i] if i < len(curve) else math.nan]))
    assert rule.propose(history) == ()
    assert rule.finished(history) == reason


def winner_of_list(scores, rule, amounts, tolerance=0.0, direction="maximize"):
    """Return (amount, score) of the smallest that nothing beats by more than the tolerance."""
    worse = (lambda a, b: b - a) if direction == "maximize" else (lambda a, b: a - b)
    finite = [(k, score) for k, score in zip(amounts, scores, strict=False) if math.isfinite(score)]
    for amount, score in finite:
        if all(worse(score, other) <= tolerance for _, other in finite):
            return amount, score
    return None, None


@settings(max_examples=150)
@given(curves, lists)
def test_lists_are_tried_whole_and_the_winner_is_the_plain_one(curve, search):
    expected = winner_of_list(curve, **search)
    for scorer in (Scorer(curve, search), BatchScorer(curve, search)):
        found = find_optimal_multiple(scorer, **search)
        assert scorer.seen == search["amounts"]
        assert [e.multiple for e in found.history] == search["amounts"]
        assert (found.multiple, found.score) == expected
        assert found.reason == ("no_finite_score" if expected[0] is None else "all_amounts")
        assert found.stopped_at == search["amounts"][-1]


@settings(max_examples=100)
@given(curves, lists, st.integers(0, 9))
def test_a_list_that_is_lengthened_equals_the_long_one_from_the_start(curve, search, first):
    storage = InMemoryStorage()
    begun = search | {"amounts": search["amounts"][:first] or search["amounts"][:1]}
    find_optimal_multiple(Scorer(curve, search), **begun, storage=storage)
    scorer = BatchScorer(curve, search)
    found = find_optimal_multiple(scorer, **search, storage=storage)
    assert scorer.seen == search["amounts"][len(begun["amounts"]) :]
    assert repr(found.history) == repr(
        find_optimal_multiple(Scorer(curve, search), **search).history
    )


@settings(max_examples=60, deadline=None)
@given(curves, repeating)
def test_rules_that_repeat_amounts_equal_one_round_of_one_amount_at_a_time(curve, rule):
    scorer, history, asked = RoundScorer(curve), [], []
    while certain := rule.propose(history):
        round_ = sum(entry.multiple == certain[0] for entry in history)
        asked.append((certain[0], round_))
        history.append(Evaluation.of(certain[0], [scorer.score(*asked[-1])]))
    found = find_optimal_multiple(scorer, rule=rule, direction=rule.direction)
    assert scorer.seen == asked
    assert len(set(asked)) == len(asked)
    assert repr(found.history) == repr(tuple(history))
    assert found.reason == rule.finished(history)
    scores = {}
    for entry in history:
        scores.setdefault(entry.multiple, []).append(entry.score)
    fit = {k for k, several in scores.items() if all(map(math.isfinite, several))}
    assert (found.multiple in fit) if fit else (found.multiple is None)


@settings(max_examples=40, deadline=None)
@given(curves, repeating, st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_killed_between_rounds_and_started_again_equals_undisturbed(curve, rule, kills):
    storage = Fused()

    def run(storage):
        scorer = RoundScorer(curve)
        return find_optimal_multiple(scorer, rule=rule, direction=rule.direction, storage=storage)

    for writes in kills:
        storage.left = writes
        try:
            run(storage)
        except Killed:
            continue
    storage.left = None
    found = run(storage)
    undisturbed = run(None)
    assert repr(found.history) == repr(undisturbed.history)
    assert repr(found) == repr(undisturbed)
    assert found.smoothed == undisturbed.smoothed
    trials = optuna.load_study(study_name="augsearch", storage=storage).trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert [trial.params["multiple"] for trial in trials] == [e.multiple for e in found.history]


class Killed(BaseException):
    pass


class Fused(InMemoryStorage):
    """A storage whose process dies just before its n-th write."""

    def __init__(self):
        super().__init__()
        self.left = None

    def burn(self, name):
        if self.left is not None:
            if self.left == 0:
                raise Killed(name)
            self.left -= 1


def _fuse(name):
    def write(self, *arguments, **keywords):
        self.burn(name)
        return getattr(InMemoryStorage, name)(self, *arguments, **keywords)

    return write


WRITES = (
    "create_new_study",
    "create_new_trial",
    "set_study_user_attr",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_user_attr",
)
for name in WRITES:
    setattr(Fused, name, _fuse(name))


@settings(max_examples=100)
@given(
    curves,
    st.one_of(searches.filter(legal), lists),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=8),
    st.booleans(),
)
def test_killed_at_any_write_and_started_again_equals_undisturbed(curve, search, kills, last):
    storage = Fused()

    def run(batch):
        scorer = (BatchScorer if batch else Scorer)(curve, search)
        return find_optimal_multiple(scorer, **search, storage=storage)

    for writes, batch in kills:
        storage.left = writes
        try:
            run(batch)
        except Killed:
            continue
    storage.left = None
    found = run(last)

    undisturbed = find_optimal_multiple(Scorer(curve, search), **search)
    assert repr(found.history) == repr(undisturbed.history)  # NaN is not equal to itself
    assert repr(found) == repr(undisturbed)
    trials = optuna.load_study(study_name="augsearch", storage=storage).trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert [trial.params["multiple"] for trial in trials] == [e.multiple for e in found.history]


def test_killed_once_at_each_write_in_turn():
    undisturbed = find_optimal_multiple(lambda k: -k, window=2)
    died_at = set()
    for write in count():
        storage = Fused()
        storage.left = write
        try:
            find_optimal_multiple(lambda k: -k, window=2, storage=storage)
        except Killed as killed:
            died_at.add(str(killed))
        else:
            break
        storage.left = None
        assert find_optimal_multiple(lambda k: -k, window=2, storage=storage) == undisturbed
        trials = optuna.load_study(study_name="augsearch", storage=storage).trials
        assert [(t.params["multiple"], t.state) for t in trials] == [
            (multiple, TrialState.COMPLETE) for multiple in (1, 2, 3)
        ]
    assert died_at == set(WRITES)
