import math

import numpy as np
import pytest

from augsearch.lab.findings import ReplayedRule, replay_all, resolution
from augsearch.lab.history import History
from augsearch.records import Evaluation
from augsearch.search.rules.sliding_window import SlidingWindow

ONE_EACH = [Evaluation.of(k, [s]) for k, s in enumerate((0.70, 0.74, 0.79, 0.77, 0.76, 0.75), 1)]


def history(entries, n_folds=1, replicates=1, direction="maximize", own=None):
    return History.of(entries, n_folds, replicates, direction, own)


def test_scores_are_sorted_by_fold_and_replicate():
    first = Evaluation.of(1, [1, 2, 3, 4, 5, 6])
    again = [Evaluation.of(1, [7, 8, 9, 10, 11, 12])]
    merged = Evaluation.of(1, [*first.scores, *again[0].scores])
    for entries in ([first, *again], [merged]):
        found = history(entries, n_folds=2, replicates=3)
        assert found.scores[1].tolist() == [[1, 2, 3, 7, 8, 9], [4, 5, 6, 10, 11, 12]]
        assert (found.n_folds, found.replicates) == (2, 6)


def test_the_spread_of_replicates_is_pooled_within_amounts_and_folds():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5, 2, 3))
    entries = [Evaluation.of(k + 1, scores[k].ravel()) for k in range(5)]
    found = history(entries, n_folds=2, replicates=3)
    expected = math.sqrt(scores.var(axis=2, ddof=1).mean() / 2)
    assert found.replicate_sd() == pytest.approx(expected)
    alone = math.sqrt(scores[0].var(axis=1, ddof=1).mean() / 2)
    assert found.replicate_sd(1) == pytest.approx(alone)


def test_a_single_replicate_has_no_spread():
    assert history(ONE_EACH).replicate_sd() is None
    failed = history([Evaluation.of(1, [0.7, math.nan])], replicates=2)
    assert failed.replicate_sd() is None


def rules(entries, **options):
    return {one.rule: one for one in replay_all("gan", history(entries, **options))}


def test_a_run_is_replayed_under_its_own_window_and_others():
    own = SlidingWindow(3)
    found = rules(ONE_EACH, own=own)
    assert found["sliding window 3"] == ReplayedRule("gan", "sliding window 3", 1, 3, 0.79, 6, "")
    longer = found["sliding window 6"]
    assert (longer.multiple, longer.trainings) == (3, 6)
    assert longer.missing == "no K = 7 (it ends at 6)"
    assert found["sliding window 3, smoothed"].multiple in (3, 4)
    grid = found["geometric grid, smoothed"]
    assert (grid.trainings, grid.missing) == (5, "")  # 1, 2, 3, 4 and 6
    halving = found["halving"]
    assert (halving.trainings, halving.missing) == (5, "no round 2 of K = 1")


def test_windows_start_and_end_where_the_runs_own_did():
    entries = [Evaluation.of(1 + 0.5 * place, [score]) for place, score in enumerate((0.7, 0.8))]
    own = SlidingWindow(4, start=1, step=0.5, max_multiple=1.5)
    found = rules(entries, own=own)
    for window in (4, 6, 12, 18):
        one = found[f"sliding window {window}"]
        assert (one.multiple, one.trainings, one.missing) == (1.5, 2, "")


def test_the_runs_own_window_is_replayed_to_its_own_choice():
    own = SlidingWindow(3, min_delta=0.05)
    one = rules([Evaluation.of(k, [0.7 + 0.01 * k]) for k in range(1, 5)], own=own)
    assert (one["sliding window 3"].multiple, one["sliding window 3"].missing) == (1, "")


def test_halving_takes_a_quarter_of_the_replicates_at_a_time():
    entries = [Evaluation.of(k, [0.8 - 0.01 * abs(k - 3)] * 8) for k in range(1, 5)]
    found = rules(entries, replicates=8)
    one = found["halving"]
    assert one.replicates == 2
    assert one.missing == ""
    assert one.multiple == 3
    assert one.trainings == 2 * (4 + 4 + 3 * 2)


def test_lower_is_better_where_the_metric_says_so():
    found = rules(ONE_EACH, direction="minimize", own=SlidingWindow(3, direction="minimize"))
    assert found["sliding window 3"].multiple == 1
    assert found["sliding window 3, smoothed"].multiple == 1
    assert found["geometric grid, smoothed"].multiple == 1


def test_nothing_finite_is_nothing_chosen():
    found = rules([Evaluation.of(1, [math.nan])])
    assert found["sliding window 6"].multiple is None
    assert found["sliding window 6"].score is None


def test_what_a_test_set_can_resolve():
    found = resolution("gan", 400, low=-0.01, high=0.05, confidence=0.95)
    assert found.half_width == pytest.approx(0.03)
    # power 80 % at (1.96 + 0.84) standard errors
    assert found.detectable == pytest.approx(0.03 * (1.959964 + 0.841621) / 1.959964, rel=1e-5)
