import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.controller.stages.fitting import empty_folds, fit_sources
from augsearch.errors import AugsearchError
from augsearch.evaluation.metrics import Metric
from augsearch.events import Advanced, silent

K_FOLD = {"method": "k-fold", "n_folds": 3, "test": 0.2}
USED = {"real": {}, "user": {"add": [{"source": "trained", "multiple": 2}], "balance": "repeat"}}
SOURCES = {
    "repeat": {"kind": "repeat"},
    "again": {"kind": "repeat"},
    "trained": {"kind": "repeat", "train_on": "arm"},
}
SWEEP = {"source": "repeat", "rule": "sweep"}


def fit(world, *names, searched=None, notify=silent):
    fit_sources(names, world.prepared, world.directory, {0: world.folds}, searched or {}, notify)


def each(images):
    """Every image as its bytes with its label, and how often it is there."""
    return Counter((one.tobytes(), int(label)) for one, label in zip(*images, strict=True))


def rows_of(world, rows):
    images = world.prepared.images
    return each((images.pixels[rows], images.labels[rows]))


def test_a_source_sees_the_real_training_images_of_its_fold(ready):
    world = ready(split=K_FOLD, sources=SOURCES, arms=USED | {"arm": {}})
    fit(world, "repeat")
    assert len(world.fitted) == 3
    folds = world.prepared.split.folds
    for fold, (train, context) in enumerate(world.fitted):
        seen = each((train.pixels, train.labels))
        assert seen == rows_of(world, folds[fold].train)
        assert not seen.keys() & rows_of(world, folds[fold].tune).keys()
        assert not seen.keys() & rows_of(world, world.prepared.split.test).keys()
        assert (context.name, context.fold) == ("repeat", fold)
    assert len({context.seed for _, context in world.fitted}) == 3
    assert len({context.folder for _, context in world.fitted}) == 3


@pytest.mark.parametrize(
    ("arms", "times"),
    [
        ({"arm": {"add": [{"source": "repeat", "multiple": 3}]}}, 3),
        ({"arm": {"search": SWEEP | {"multiples": [1, 2, 4]}}}, None),
        (
            {
                "first": {"search": SWEEP | {"multiples": [3]}},
                "arm": {"base": "first", "add": [{"source": "again", "multiple": 2}]},
            },
            6,
        ),
        ({"arm": {"real": 0, "search": SWEEP | {"multiples": [2]}}}, 1),
    ],
)
def test_trained_on_an_arm_it_sees_that_arms_chosen_set_of_its_own_fold(ready, search, arms, times):
    world = ready(split=K_FOLD, sources=SOURCES, arms=USED | arms)
    searched = search(world, *arms)
    world.fitted.clear()
    fit(world, "trained", searched=searched)
    times = times or searched["arm"].multiple  # all sources repeat real images: K of each
    for split, (train, _) in zip(world.prepared.split.folds, world.fitted, strict=True):
        expected = dict.fromkeys(rows_of(world, split.train), times)
        assert each((train.pixels, train.labels)) == expected
        assert train.classes == world.prepared.images.classes


def test_trained_on_a_share_it_sees_the_very_images_that_the_arm_trains_on(ready, search):
    world = ready(split=K_FOLD, sources=SOURCES, arms=USED | {"arm": {"real": 0.5}})
    searched = search(world, "arm")
    arms_own = [used for _, used in world.trained[::2]]  # the first of two replicates
    world.fitted.clear()
    fit(world, "trained", searched=searched)
    for split, used, (train, _) in zip(
        world.prepared.split.folds, arms_own, world.fitted, strict=True
    ):
        images = used.images(train.classes)
        assert each((train.pixels, train.labels)) == each((images.pixels, images.labels))
        assert each((train.pixels, train.labels)) < rows_of(world, split.train)


def test_an_arm_without_a_finite_score_has_no_set_to_train_on(ready, search):
    world = ready(sources=SOURCES, arms=USED | {"arm": {"search": SWEEP | {"multiples": [1]}}})
    never = Metric("never", True, lambda labels, outputs: math.nan)
    searched = search(world, "arm", prepared=replace(world.prepared, metric=never))
    with pytest.raises(AugsearchError, match=r"sources.trained.train_on: arm 'arm' has no finite"):
        fit(world, "trained", searched=searched)


def test_only_the_sources_that_are_asked_for_are_fitted(ready):
    world = ready(
        sources=SOURCES,
        arms={"real": {}, "arm": {"balance": "again", "search": {"source": "repeat"}}},
    )
    assert all(fold.pools == {} for fold in world.folds)
    fit(world, "again")
    assert [context.name for _, context in world.fitted] == ["again"]
    assert [list(fold.pools) for fold in world.folds] == [["again"]]


ACGAN = {
    "kind": "acgan",
    "generator_filters": [4, 4],
    "discriminator_filters": [4, 4],
    "batch_size": 4,
    "iterations": 6,
    "snapshot_every": 3,
    "checkpoint_every": 2,
}


def test_a_trained_source_is_read_back(ready):
    world = ready(
        sources={"gan": ACGAN}, arms={"real": {}, "arm": {"balance": "gan"}}, split=K_FOLD
    )
    steps = []
    fit(world, "gan", notify=steps.append)
    assert Advanced(6, 6, "iterations") in steps
    first = [fold.pools["gan"] for fold in world.folds]
    world.folds[:] = empty_folds(world.prepared)
    again = []
    fit(world, "gan", notify=again.append)
    assert not [event for event in again if isinstance(event, Advanced) and 0 < event.done < 6]
    images = []
    for fold, before in zip(world.folds, first, strict=True):
        pixels = [
            np.concatenate([block.pixels[rows] for block, rows in pool.blocks(1, 0, 5)])
            for pool in (fold.pools["gan"], before)
        ]
        assert np.array_equal(*pixels)
        images.append(pixels[0].tobytes())
    assert len(set(images)) == 3  # every fold has its own generator


def test_judge_and_expert_know_the_real_images_of_their_fold(ready):
    world = ready(split=K_FOLD, sources=SOURCES, arms=USED | {"arm": {}})
    fit(world, "repeat")
    images = world.prepared.images
    for split, (train, context) in zip(world.prepared.split.folds, world.fitted, strict=True):
        world.trained.clear()
        judged = context.judge(train)
        [(_, used)] = world.trained
        assert used.tune is None
        fitted = world.prepared.judging.fit([used])[0]
        tune = images.take(split.tune)
        outputs = fitted.predict_portion(world.prepared.block_of(split.tune))
        assert judged == pytest.approx(roc_auc_score(tune.labels, outputs[:, 1]))

        world.trained.clear()
        assert context.expert.predict_proba(tune.pixels).shape == (len(tune), 2)
        [(_, used)] = world.trained
        learned = used.images(images.classes)
        assert each((learned.pixels, learned.labels)) == rows_of(world, split.train)
        assert used.tune is None
        own = images.take(split.train)
        for label in (0, 1):
            assert np.array_equal(
                context.expert.training_images(label), own.pixels[own.labels == label]
            )
