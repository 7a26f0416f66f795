import numpy as np
import pytest
import torch

from augsearch.search.scoring import BatchScore, OneAtATime, RoundScore, as_scores, checked_scores


@pytest.mark.parametrize(
    ("result", "scores"),
    [
        (1, (1.0,)),
        (np.float32(0.5), (0.5,)),
        (np.array(0.5), (0.5,)),
        (torch.tensor(0.5), (0.5,)),
        ([0.5, 1], (0.5, 1.0)),
        (np.array([0.5, 0.25]), (0.5, 0.25)),
        (torch.tensor([0.5]), (0.5,)),
    ],
)
def test_numbers_in_all_the_forms_people_have(result, scores):
    read = as_scores(result, 1)
    assert read == scores
    assert all(type(score) is float for score in read)


@pytest.mark.parametrize("result", [None, "0.5", {"auc": 0.5}, [0.5, None], np.eye(2), [[0.5]]])
def test_what_is_no_number_is_refused_with_the_multiple(result):
    with pytest.raises(TypeError, match=r"score must give .* but gave .* multiple 7"):
        as_scores(result, 7)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match=r"empty sequence for multiple 1\.5"):
        as_scores([], 1.5)


def test_a_number_is_asked_for_again_for_every_replicate():
    answers = iter([0.0, 0.5, 1.0, 2.0])
    assert list(OneAtATime(lambda k: next(answers), 2).score_many([1, 2])) == [(0, 0.5), (1, 2)]


def test_a_sequence_is_its_own_replicates():
    assert list(OneAtATime(lambda k: [k, k], 2).score_many([3])) == [(3, 3)]
    assert list(OneAtATime(lambda k: [k, k], 1).score_many([3])) == [(3, 3)]
    with pytest.raises(ValueError, match="each of the 3 replicates but gave 2 for multiple 4"):
        list(OneAtATime(lambda k: [k, k], 3).score_many([4]))


class Fixed:
    def __init__(self, results):
        self.results = results

    def score_many(self, multiples):
        yield from self.results


def test_results_are_counted():
    assert list(checked_scores(Fixed([1, [2, 3]]), [1, 2])) == [(1,), (2, 3)]
    with pytest.raises(ValueError, match="each of the 3 multiples but gave 2"):
        list(checked_scores(Fixed([1, 2]), [1, 2, 3]))
    with pytest.raises(ValueError, match="each of the 1 multiples but gave more"):
        list(checked_scores(Fixed([1, 2]), [1]))


class Numbered(Fixed):
    def score_rounds(self, asked):
        yield from ([10 * multiple + round_] for multiple, round_ in asked)


def test_a_score_that_numbers_its_replicates_is_told_the_round():
    score = Numbered([7, 8])
    assert list(checked_scores(score, [1, 2], [0, 0])) == [(7,), (8,)]
    assert list(checked_scores(score, [1, 2, 1], [1, 0, 2])) == [(11,), (20,), (12,)]
    with pytest.raises(ValueError, match="each of the 2 multiples but gave more"):
        list(checked_scores(Fixed([1, 2, 3]), [1, 2], [1, 1]))


def test_any_other_score_is_called_again():
    answers = iter([0.0, 0.5, 1.0])
    score = OneAtATime(lambda k: next(answers), 1)
    assert list(checked_scores(score, [4, 4], [0, 1])) == [(0.0,), (0.5,)]
    assert list(checked_scores(score, [4], [2])) == [(1.0,)]


def test_what_a_batch_score_is():
    assert isinstance(Fixed([]), BatchScore)
    assert not isinstance(Fixed([]), RoundScore)
    assert isinstance(Numbered([]), RoundScore)
    assert not isinstance(lambda k: k, BatchScore)
