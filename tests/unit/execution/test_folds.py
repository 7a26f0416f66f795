from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.errors import SourceError
from augsearch.evaluation.metrics import get_metric
from augsearch.execution.folds import FIRST_TEST_STREAM, judge
from augsearch.execution.recipes import Recipe
from augsearch.seeds import Seed
from augsearch.testing.images import toy_images

SEED = Seed.of(0)


def recipe(multiple, source="endless", real=(6, 4)):
    base = Recipe(real).balanced(source)
    return base.plus(source, base.extra(multiple))


def test_a_training_set_is_the_real_images_and_what_the_recipe_adds(make_fold, read):
    fold = make_fold(counts=(6, 4))
    made = fold.training_set(recipe(2.5), 0, SEED)
    pixels, labels = read.images(made)
    assert fold.class_counts == (6, 4)
    assert np.bincount(labels).tolist() == [15, 15]
    assert np.array_equal(pixels[:10], fold.train.block.pixels[fold.train.rows])
    assert np.array_equal(labels[:10], fold.train.labels)
    # balanced by images 0 and 1 of class 1, then 9 more of each class from where that stopped
    taken = [(1, i) for i in range(2)] + [(0, i) for i in range(9)] + [(1, i) for i in range(2, 11)]
    assert read.added(made) == taken
    assert (made.n_classes, made.seed) == (2, SEED)


def test_a_larger_amount_contains_every_smaller_one(make_fold, read):
    fold = make_fold()
    sets = [read.added(fold.training_set(recipe(k), 1, SEED)) for k in (1, 1.3, 2, 5, 14)]
    assert [len(one) for one in sets] == [2, 6, 14, 50, 158]
    for small, large in pairwise(sets):
        for label in (0, 1):
            few = [number for one, number in small if one == label]
            assert [number for one, number in large if one == label][: len(few)] == few


def test_streams_of_an_endless_source_share_no_image(make_fold, read):
    fold = make_fold()
    streams = [0, 1, 2, FIRST_TEST_STREAM, FIRST_TEST_STREAM + 1]
    seen = [set(read.added(fold.training_set(recipe(9), stream, SEED))) for stream in streams]
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_a_finite_source_shows_all_replicates_the_same_images(make_fold, read):
    fold = make_fold()
    first, far = (
        read.added(fold.training_set(recipe(9, "finite"), stream, SEED))
        for stream in (0, FIRST_TEST_STREAM)
    )
    assert first == far
    with pytest.raises(SourceError, match="300"):
        fold.training_set(recipe(60, "finite"), 0, SEED)


def test_a_judge_trains_on_the_given_images_alone(make_fold, classifier, read):
    tune = make_fold().tune
    synthetic = toy_images((5, 3), size=4)
    score = judge(synthetic, tune, classifier, get_metric("auc"), SEED)
    (only,) = classifier.sets
    pixels, labels = read.images(only)
    assert np.array_equal(pixels, synthetic.pixels)
    assert np.array_equal(labels, synthetic.labels)
    probabilities = classifier.fit([only])[0].predict_proba(tune.block)
    assert score == pytest.approx(roc_auc_score(tune.labels, probabilities[tune.rows, 1]))
