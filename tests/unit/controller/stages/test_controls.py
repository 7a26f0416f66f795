from collections import Counter

import pytest

from augsearch.controller.mirror import Mirror
from augsearch.controller.stages import controls as module
from augsearch.controller.stages.controls import search_controls
from augsearch.controller.stages.fitting import empty_folds
from augsearch.events import TrialCompleted, Warned, silent
from augsearch.study.controls import KINDS, control_kind

ASKED = {"replicates": 2, "test_replicates": 3, "controls": True}
SOURCES = {"classic": {"kind": "classic", "degrees": 90}, "other": {"kind": "repeat"}}
K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}


def sweep(amount=3, **more):
    return {"search": {"source": "classic", "rule": "sweep", "multiples": [amount]} | more}


@pytest.fixture
def controlled(ready, search):
    """Give arms -> the world, its searched arms, its controls by kind, and what was told."""

    def run(arms, declared="arm", evaluation=ASKED, **changes):
        changes = {"sources": SOURCES, "split": K_FOLD} | changes
        world = ready(arms={"real": {}} | arms, evaluation=evaluation, **changes)
        searched = search(world, "real", *arms)
        world.trained.clear()
        told = []
        mirror = Mirror(world.study, world.directory, silent)
        world.extended, found = search_controls(
            declared, searched, world.prepared, world.directory, mirror, told.append
        )
        by_kind = {control_kind(name): one for name, one in found.items()}
        return world, searched, by_kind, told

    return run


def each(images):
    return Counter(
        (one.tobytes(), int(y)) for one, y in zip(images.pixels, images.labels, strict=True)
    )


def added(control, fold):
    """The images that a control adds in a fold, and the real ones it has."""
    recipe = control.score.recipe(control.multiple, fold)
    images = fold.training_set(recipe, 0, control.score.seed).images(("a", "b"))
    real = sum(recipe.real)
    return images.take(range(real, len(images))), images.take(range(real))


@pytest.mark.parametrize(
    "arms",
    [
        {"arm": sweep()},
        {"arm": sweep(2.37) | {"real": 0.5}},
        {"arm": sweep() | {"balance": "other"}},
        {"arm": sweep(2.5) | {"add": [{"source": "other", "multiple": 2}]}},
        {"arm": sweep(2.5) | {"add": [{"source": "other", "added": 7}]}},
        {"first": sweep(2), "arm": sweep(1.5) | {"base": "first"}},
        {"arm": {"search": {"source": "classic", "rule": "sweep", "added": [11]}}},
        {"arm": {"search": {"source": "classic", "rule": "sweep", "per_class": [5]}}},
    ],
)
def test_a_control_has_as_many_images_of_each_class_as_its_arm(controlled, arms):
    world, searched, found, _ = controlled(arms)
    arm = searched["arm"]
    assert list(found) == list(KINDS)
    for kind, one in found.items():
        assert (one.name, one.control_of) == (f"arm ({kind} control)", "arm")
        assert (one.multiple, one.arm.unit) == (arm.multiple, arm.arm.unit)
        assert one.train_size == arm.train_size
        assert one.arm.search is None
        for fold in world.folds:
            own = one.score.recipe(arm.multiple, fold)
            theirs = arm.score.recipe(arm.multiple, fold)
            assert own.class_counts == theirs.class_counts
            assert own.real == theirs.real
            assert own.ingredients[:-1] == theirs.ingredients[:-1]
            assert own.ingredients[-1].source == f"{kind} control"


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_repeat_control_adds_the_arms_own_real_images_again(controlled, share):
    world, _, found, _ = controlled({"arm": sweep(3) | {"real": share}})
    for fold in world.folds:
        again, own = added(found["repeat"], fold)
        assert each(again).keys() <= each(own).keys()
        for label, count in enumerate(fold.class_counts):
            times = [number for (_, one), number in each(again).items() if one == label]
            assert sum(times) == 2 * count
            assert max(times) - min(times) <= 1


def test_the_classic_control_is_the_studys_own_augmentation(controlled):
    selecting = {"kind": "classic", "vertical_flip": True} | {
        "select": {"by": "confidence", "best": 1, "of": 2}
    }
    for sources, degrees, flips in (
        (SOURCES, 90, False),
        ({"other": SOURCES["other"]}, 10, False),
        ({"classic": selecting, "other": SOURCES["other"]}, 10, True),
    ):
        world, _, found, _ = controlled(
            {"arm": sweep(2, source="other")}, sources=sources, split={"method": "given"}
        )
        options = module._options("classic", world.study)
        assert (options.degrees, options.vertical_flip, options.select) == (degrees, flips, None)
        again, own = added(found["classic"], world.folds[0])
        assert len(each(again).keys() - each(own).keys()) > len(again) / 2


def test_controls_are_scored_like_the_arm_and_belong_to_the_study(controlled):
    world, searched, found, told = controlled({"arm": sweep(3)})
    arm = searched["arm"]
    sizes = [len(one) for _, one in world.trained]
    assert sizes == 2 * [arm.size(fold, 3) for fold in world.folds for _ in range(2)]
    for one in found.values():
        assert len(one.found.history[0].scores) == len(arm.found.history[0].scores)
        assert world.extended.study.arms[one.name] is one.arm
        outputs = one.tuning_outputs(3)
        assert [len(part) for part in outputs] == [2, 2]
    assert list(world.extended.study.arms) == ["real", "arm", *(one.name for one in found.values())]
    assert list(world.study.arms) == ["real", "arm"]
    assert {one.arm.add[0].source for one in found.values()} < world.extended.study.sources.keys()
    done = [event.arm for event in told if isinstance(event, TrialCompleted)]
    assert done == [one.name for one in found.values()]
    assert "controls" in world.directory.seconds


def test_scored_controls_are_read_back(controlled):
    world, searched, found, _ = controlled({"arm": sweep(3)})
    world.trained.clear()
    world.folds[:] = empty_folds(world.prepared)
    mirror = Mirror(world.study, world.directory, silent)
    _, again = search_controls("arm", searched, world.prepared, world.directory, mirror, silent)
    assert world.trained == []
    assert [one.found for one in again.values()] == [one.found for one in found.values()]


@pytest.mark.parametrize(
    ("arms", "declared", "evaluation"),
    [
        ({"arm": sweep(3)}, "arm", {"replicates": 2}),
        ({"arm": sweep(1)}, "arm", ASKED),
        ({"arm": {"add": [{"source": "classic", "multiple": 2}]}}, "arm", ASKED),
        ({"arm": sweep(3)}, None, ASKED),
    ],
)
def test_without_a_searched_amount_that_adds_there_are_none(controlled, arms, declared, evaluation):
    world, _, found, told = controlled(arms, declared, evaluation)
    assert (found, told, world.trained) == ({}, [], [])
    assert world.extended is world.prepared


def test_without_real_images_there_is_nothing_to_repeat(controlled):
    _, _, found, told = controlled({"arm": sweep(3) | {"real": 0}})
    assert found == {}
    assert [type(event) for event in told] == [Warned]
    assert "'arm' has no controls" in told[0].message


def test_a_control_takes_the_arms_tuned_classifier(ready, search):
    tune = {"parameters": {"head.learning_rate": [0.9, 0.01]}, "replicates": 2}
    world = ready(sources=SOURCES, arms={"real": {}, "arm": sweep(2)}, evaluation=ASKED, tune=tune)
    searched = search(world, "real", "arm")
    world.trained.clear()
    mirror = Mirror(world.study, world.directory, silent)
    search_controls("arm", searched, world.prepared, world.directory, mirror, silent)
    chosen = searched["arm"].tuned.setting["head.learning_rate"]
    assert chosen in (0.9, 0.01)
    assert {options.head.learning_rate for options, _ in world.trained} == {chosen}
