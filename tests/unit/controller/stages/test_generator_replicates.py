import numpy as np
import pytest
from PIL import Image

from augsearch.controller.stages.answer import declare, open_test_set
from augsearch.controller.stages.generator_replicates import (
    LEAKED,
    ONE,
    SAME,
    SEVERAL,
    Generations,
    replicate_generators,
    training_groups,
    with_scope,
)
from augsearch.evaluation.inference.verdict import verdict
from augsearch.events import Advanced, StageStarted, silent
from augsearch.execution.cells import fresh_trainings
from augsearch.study.audit_result import AuditResult, Beside, Leaked
from augsearch.study.results import VerdictResult

K_FOLD = {"method": "k-fold", "n_folds": 2, "test": 0.3}
ACGAN = {
    "kind": "acgan",
    "generator_filters": [4, 4],
    "discriminator_filters": [4, 4],
    "batch_size": 4,
    "iterations": 4,
    "snapshot": "last",
    "snapshot_every": 2,
    "checkpoint_every": 2,
}
TWICE = {"replicates": 1, "test_replicates": 4, "generator_replicates": 2}
ANSWER = VerdictResult(arm="arm", label="helps", gain=0.1, low=0.05, high=0.15, note="only so")


@pytest.fixture
def replicated(ready, search):
    """Give arms, the baseline first -> the world, its searched arms and generations."""

    def run(arms, declared="arm", notify=silent, **changes):
        settings = {"evaluation": TWICE, "split": K_FOLD, "audit": {"enabled": False}}
        world = ready(arms=arms, **settings | changes)
        searched = search(world, *arms)
        world.fitted.clear()
        found = replicate_generators(declared, searched, world.prepared, world.directory, notify)
        return world, searched, found

    return run


def images(fold, source):
    blocks = fold.pools[source].blocks(1, 0, 3)
    return np.concatenate([block.pixels[rows] for block, rows in blocks]).tobytes()


def adding(source="gan", **more):
    return {"add": [{"source": source, "multiple": 2}]} | more


def test_every_fold_gets_another_generator_and_everything_else_stays(replicated):
    told = []
    sources = {"gan": ACGAN, "classic": {"kind": "classic"}}
    arm = {"add": [{"source": name, "multiple": 2} for name in sources]}
    world, searched, found = replicated(
        {"real": {}, "arm": arm}, sources=sources, notify=told.append
    )
    assert told[0] == StageStarted("1 more of source gan")
    first, second = found.folds
    assert first is searched["arm"].score.folds
    for one, other in zip(first, second, strict=True):
        assert one.train is other.train
        assert one.pools["classic"] is other.pools["classic"]
        assert images(one, "gan") != images(other, "gan")
    names = [(context.name, context.fold) for _, context in world.fitted]
    assert names == [("gan, generator 2", 0), ("gan, generator 2", 1)]
    folders = {context.folder.name for _, context in world.fitted}
    assert folders == {"source-gan-fold0-generator1", "source-gan-fold1-generator1"}
    assert found.behind(searched["arm"]) is found.folds
    assert found.behind(searched["real"]) == found.folds[:1]


def test_what_was_trained_is_read_back(replicated):
    world, searched, found = replicated({"real": {}, "arm": adding()}, sources={"gan": ACGAN})
    steps = []
    again = replicate_generators("arm", searched, world.prepared, world.directory, steps.append)
    assert not [one for one in steps if isinstance(one, Advanced) and 0 < one.done < one.total]
    for one, other in zip(found.folds[1], again.folds[1], strict=True):
        assert images(one, "gan") == images(other, "gan")


def test_the_baselines_generator_is_trained_again_too_and_nothing_else(replicated):
    sources = {"gan": ACGAN, "other": ACGAN, "unused": ACGAN}
    arms = {
        "balanced": {"balance": "other"},
        "arm": adding(balance="other"),
        "third": adding("unused"),
        "mixed": {"add": [{"source": name, "multiple": 2} for name in ("gan", "unused")]},
    }
    data = {"kind": "demo", "train": 31, "tune": 18, "test": 24}
    world, searched, found = replicated(arms, sources=sources, data=data)
    names = {context.name for _, context in world.fitted}
    counts = [fold.class_counts for fold in world.folds]
    assert all(len(set(one)) > 1 for one in counts)  # there is something to balance
    assert names == {"gan, generator 2", "other, generator 2"}
    spread = {name: len(found.behind(one)) for name, one in searched.items()}
    assert spread == {"balanced": 2, "arm": 2, "third": 1, "mixed": 1}


def test_a_source_trained_on_an_arm_is_trained_on_that_arms_new_images(replicated):
    sources = {
        "gan": ACGAN,
        "late": {"kind": "classic", "train_on": "first"},
        "plain": {"kind": "classic"},
    }
    arms = {"real": {}, "first": adding(), "arm": adding("late")}
    world, _, found = replicated(arms, sources=sources)
    order = [context.name for _, context in world.fitted]
    assert order == ["gan, generator 2"] * 2 + ["late, generator 2"] * 2
    seen = {context.fold: train for train, context in world.fitted[2:]}
    for fold in found.folds[1]:
        made = fold.pools["gan"].blocks(0, 0, 1)[0]
        wanted = made[0].pixels[made[1]][0].tobytes()
        assert wanted in {one.tobytes() for one in seen[fold.number].pixels}


@pytest.mark.parametrize(
    ("arms", "changes"),
    [
        ({"real": {}, "arm": adding()}, {"evaluation": TWICE | {"generator_replicates": 1}}),
        ({"real": {}, "arm": adding("classic")}, {}),
        # The same set: nothing to tell apart.
        ({"real": adding(), "arm": adding()}, {"baseline": "real"}),
    ],
)
def test_nothing_is_trained_where_it_would_tell_nothing(replicated, arms, changes):
    sources = {"gan": ACGAN, "classic": {"kind": "classic"}}
    world, searched, found = replicated(arms, sources=sources, **changes)
    assert world.fitted == []
    assert len(found.folds) == 1
    assert found.behind(searched["arm"]) == found.folds


def test_trainings_are_shared_out_and_know_their_generator(replicated):
    world, searched, found = replicated({"real": {}, "arm": adding()}, sources={"gan": ACGAN})
    score, multiple = searched["arm"].score, searched["arm"].multiple
    world.trained.clear()
    parts = {"test": world.prepared.test}
    fresh_trainings(score, multiple, 4, parts, found.behind(searched["arm"]))
    own = [one.portions[1].block.path.parents[1].name for _, one in world.trained]
    expected = [
        f"source-gan-fold{fold}" + ("-generator1" if replicate % 2 else "")
        for fold in (0, 1)
        for replicate in range(4)
    ]
    assert own == expected
    groups = training_groups(found.folds, 4)
    assert groups.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert len(set(zip(own, groups.tolist(), strict=True))) == 4
    assert training_groups(found.folds[:1], 4) is None


def test_the_spread_between_generators_is_in_the_verdict(replicated):
    world, searched, found = replicated({"real": {}, "arm": adding()}, sources={"gan": ACGAN})
    declaration = declare(searched, world.prepared, world.directory)
    outcome = open_test_set(declaration, searched, world.prepared, world.directory, found)
    assert outcome.groups["real"] is None
    assert len(np.unique(outcome.groups["arm"])) == 4
    test, outputs = world.prepared.test, outcome.outputs("test")
    real, arm = outputs["real"], outputs["arm"]
    assert len(arm) == 8
    own = outcome.groups["arm"]
    nested = verdict(test.labels, real, arm, chosen_groups=own, patients=test.patients)
    assert outcome.gains["arm"] == nested
    plain = verdict(test.labels, real, arm, patients=test.patients)
    assert nested.gain == plain.gain
    assert nested.se != plain.se
    again = open_test_set(declaration, searched, world.prepared, world.directory, found)
    assert again.answer == outcome.answer


def test_the_answer_says_which_generators_it_speaks_of(replicated):
    sources = {"gan": ACGAN, "other": ACGAN, "classic": {"kind": "classic"}}
    arms = {"real": {}, "arm": adding(), "plain": adding("classic"), "late": adding("other")}
    world, searched, found = replicated(arms, sources=sources)

    def told(arm, generations):
        answer = ANSWER.model_copy(update={"arm": arm})
        given = with_scope(answer, searched, world.prepared, generations, [])
        return given.note, given.generators

    assert told("arm", found) == (
        "speaks of the recipe behind gan, by 2 trainings of it; only so",
        2,
    )
    once = Generations([searched["real"].score.folds])
    assert told("arm", once) == (f"{SEVERAL}; only so", 1)  # one in each fold
    assert told("plain", found) == ("only so", None)
    assert told("late", found) == (f"{SEVERAL}; only so", 1)
    assert with_scope(None, searched, world.prepared, found, []) is None


def test_of_one_generator_the_answer_says_so(replicated):
    once = {"split": {"method": "given"}, "evaluation": TWICE | {"generator_replicates": 1}}
    world, searched, found = replicated(
        {"real": {}, "arm": adding()}, sources={"gan": ACGAN}, **once
    )
    answer = with_scope(ANSWER, searched, world.prepared, found, [])
    assert (answer.note, answer.generators) == (f"{ONE}; only so", 1)


def audited_images(source, fold, leaked):
    nothing = Beside(value=None, floor=None)
    return AuditResult(
        source=source,
        fold=fold,
        features="pixels",
        images={"clear": 20, "fluid": 20},
        identical=0,
        copies={},
        pairs=[],
        variety=[],
        kid=nothing,
        density=nothing,
        coverage=nothing,
        score=None,
        leaked=Leaked(count=leaked, shown=["'a.png' (test set)"]),
        verdict="fail",
        reasons=["it leaks"],
    )


def test_of_images_that_all_trainings_share_the_answer_says_so(replicated, tmp_path):
    for name in ("clear", "fluid"):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = np.full((8, 8), number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    sources = {"made": {"kind": "folder", "path": str(tmp_path)}, "classic": {"kind": "classic"}}
    sources["late"] = {"kind": "classic", "train_on": "arm"}
    plain = {"evaluation": TWICE | {"generator_replicates": 1}}
    amount = {"add": [{"source": "made", "added": 5}]}
    arms = {"real": {}, "arm": amount, "classic": adding("classic"), "late": adding("late")}
    world, searched, found = replicated(arms, sources=sources, **plain)
    answer = with_scope(ANSWER, searched, world.prepared, found, [])
    assert (answer.note, answer.generators) == (f"{SAME.format('made')}; only so", None)
    audits = [audited_images("made", fold, 3) for fold in (0, 1)] + [audited_images("other", 0, 9)]
    answer = with_scope(ANSWER, searched, world.prepared, found, audits)
    assert answer.note == f"{LEAKED.format(6, 80, 'made')}; {SAME.format('made')}; only so"
    other = ANSWER.model_copy(update={"arm": "classic"})
    assert with_scope(other, searched, world.prepared, found, audits).note == "only so"
    late = ANSWER.model_copy(update={"arm": "late"})  # of a source that was trained on them
    leaked = LEAKED.format(6, 80, "made")
    assert with_scope(late, searched, world.prepared, found, audits).note == f"{leaked}; only so"
