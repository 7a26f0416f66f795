from itertools import pairwise

import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.execution.folds import FIRST_TEST_STREAM
from augsearch.execution.recipes import Recipe, arm_recipe
from augsearch.seeds import Seed
from augsearch.study.schema.arms import Addition, Arm

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


def test_a_share_of_the_real_images_is_nested_and_the_same_for_every_arm(make_fold):
    fold = make_fold(counts=(6, 4))
    shares = [(0, 0), (1, 1), (3, 2), (5, 4)]
    rows = [set() if not any(counts) else set(real_rows(fold, counts)) for counts in shares]
    for counts, small, large in zip(shares, rows, rows[1:], strict=False):
        assert small < large
        assert len(small) == sum(counts)
    labels = fold.train.labels[np.isin(fold.train.rows, sorted(rows[2]))]
    assert np.bincount(labels).tolist() == [3, 2]
    assert real_rows(fold, (3, 2)) == real_rows(fold, (3, 2))


def real_rows(fold, counts):
    return fold.training_set(Recipe(counts), 0, SEED).portions[0].rows.tolist()


def test_without_real_images_there_are_the_added_ones_alone(make_fold):
    fold = make_fold(counts=(6, 4))
    made = fold.training_set(Recipe((0, 0)).plus("endless", (3, 2)), 0, SEED)
    assert len(made) == 5
    assert all(part.block is not fold.train.block for part in made.portions)


def test_tuning_images_come_along_for_those_who_stop_early(make_fold):
    fold = make_fold()
    assert fold.training_set(Recipe((6, 4)), 0, SEED).tune is fold.tune


def test_everything_of_a_source_that_has_an_end(make_fold, read):
    fold = make_fold(counts=(6, 4))
    arm = Arm(balance="finite", add=(Addition(source="finite", everything=True),))
    made = fold.training_set(arm_recipe({"a": arm}, "a", 1, (6, 4), {}, fold.sizes), 0, SEED)
    assert sorted(read.added(made)) == [(label, i) for label in (0, 1) for i in range(300)]
    assert len(made) == 610


def test_sources_say_how_many_images_they_have(make_fold):
    assert make_fold().sizes == {"endless": (None, None), "finite": (300, 300)}
