from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.evaluation.metrics import get_metric
from augsearch.execution.cells import ArmScore, fresh_trainings
from augsearch.execution.recipes import Recipe
from augsearch.search import RoundScore
from augsearch.seeds import Seed
from augsearch.sources.pools.numbering import STREAM


@pytest.fixture
def make_score(make_fold, classifier):
    def make(source="endless", replicates=3, balance=False):
        def recipe(multiple, fold):
            real = Recipe(fold.class_counts)
            base = real.balanced(source) if balance else real
            return base.plus(source, base.extra(multiple))

        folds = [make_fold(0, (6, 4)), make_fold(1, (5, 5))]
        auc = get_metric("auc")
        return ArmScore(recipe, folds, classifier, auc, replicates, Seed.of(3))

    return make


def test_scores_come_by_fold_and_then_replicate(make_score, classifier):
    score = make_score()
    scores = score(2)
    assert [(fold.number, replicate) for fold, replicate in score.cells_of(0)] == [
        (fold, replicate) for fold in (0, 1) for replicate in (0, 1, 2)
    ]
    for number, (fold, _) in enumerate(score.cells_of(0)):
        alone = classifier.fit([classifier.sets[number]])[0].predict_proba(fold.tune.block)
        expected = roc_auc_score(fold.tune.labels, alone[fold.tune.rows, 1])
        assert scores[number] == pytest.approx(expected)
    assert len(set(scores)) > 2


def test_all_amounts_train_together(make_score, classifier):
    score = make_score()
    together = list(score.score_many([1, 2, 3.5]))
    sizes = [len(one) for one in classifier.sets]
    assert sizes == [10] * 6 + [20] * 6 + [35] * 3 + [36] * 3  # 2.5 x 5 is rounded up
    assert together == [score(k) for k in (1, 2, 3.5)]


def test_the_seed_of_a_cell_knows_neither_arm_nor_amount(make_score, classifier):
    for score in (make_score(), make_score("finite", balance=True)):
        list(score.score_many([1, 2, 7]))
    seeds = [one.seed.path for one in classifier.sets]
    assert len(seeds) == 6 * 6
    assert seeds == seeds[:6] * 6
    assert len(set(seeds)) == 6


def test_replicates_draw_from_streams_of_their_own(make_score, classifier, read):
    make_score()(3)
    streams = [{number // STREAM for _, number in read.added(one)} for one in classifier.sets]
    assert streams == [{0}, {1}, {2}] * 2


def test_a_round_goes_on_with_the_numbers_of_replicates(make_score, classifier, read):
    six = make_score(replicates=6)
    expected = np.reshape(six(2), (2, 2, 3))  # fold, round, replicate
    whole, classifier.sets = classifier.sets, []
    kept = []
    score = replace(make_score(), keep=lambda *kept_one: kept.append(kept_one))
    found = list(score.score_rounds([(2, 0), (3, 0), (2, 1)]))
    assert found[0] == tuple(expected[:, 0].ravel())
    assert found[1] == score(3)
    assert found[2] == tuple(expected[:, 1].ravel())
    seeds = {one.seed.path for one in whole}
    assert {one.seed.path for one in classifier.sets} == seeds
    streams = [{number // STREAM for _, number in read.added(one)} for one in classifier.sets]
    assert streams[12:18] == [{3}, {4}, {5}] * 2
    assert [(fold.number, replicate) for fold, replicate in score.cells_of(1)] == [
        (fold, replicate) for fold in (0, 1) for replicate in (3, 4, 5)
    ]
    assert [entry[:2] for entry in kept[:3]] == [(2, 0), (3, 0), (2, 1)]
    labels = score.folds[1].tune.labels
    assert roc_auc_score(labels, kept[2][2][1][0][:, 1]) == pytest.approx(found[2][3])
    assert isinstance(score, RoundScore)


def test_the_test_trains_anew(make_score, classifier, read):
    score = make_score()
    score(3)
    searched, classifier.sets = classifier.sets, []
    parts = {"test": score.folds[0].tune}
    answers = fresh_trainings(score, 3, 4, parts)
    assert len(answers) == len(classifier.sets) == 2 * 4
    assert [len(one) for one in classifier.sets] == [30] * 8
    assert len({one.seed.path for one in searched + classifier.sets}) == 6 + 8
    for fold in (0, 1):
        seen = [set(read.added(one)) for one in searched[3 * fold : 3 * fold + 3]]
        seen += [set(read.added(one)) for one in classifier.sets[4 * fold : 4 * fold + 4]]
        assert len(set.union(*seen)) == sum(map(len, seen)) == 7 * 20


def test_probabilities_are_those_of_the_rows_that_count(make_score, classifier):
    score = make_score()
    images = score.folds[0].tune
    answers = fresh_trainings(score, 1, 1, {"test": images})
    fitted = classifier.fit(list(classifier.sets))
    assert len(answers) == len(fitted) == 2
    for answer, one in zip(answers, fitted, strict=True):
        expected = one.predict_proba(images.block)[images.rows]
        assert np.array_equal(answer.outputs["test"], expected)
