import random

import pytest

from augsearch.study.order import search_order, sources_of, used_sources
from augsearch.study.schema.arms import Arm
from augsearch.study.schema.study import StudyFile

HEAD = """\
data.kind = "demo"
arms.real = {}
"""


def study_of(arms, sources):
    """Give name -> arm and name -> train_on (or None), as they would stand in a study file."""
    tables = {
        name: {"kind": "repeat"} | ({"train_on": arm} if arm else {})
        for name, arm in sources.items()
    }
    return StudyFile.model_validate(
        {"name": "s", "data": {"kind": "demo"}, "arms": arms, "sources": tables}
    )


def add(*sources):
    return {"add": [{"source": one, "multiple": 2} for one in sources]}


def test_an_arm_names_its_sources_once_and_in_order():
    arm = Arm.model_validate(
        add("classic", "gan") | {"balance": "gan", "search": {"source": "folder"}}
    )
    assert sources_of(arm) == ("gan", "classic", "folder")
    study = study_of(
        {"real": {}, "a": add("x"), "b": add("y", "x")}, dict.fromkeys(["x", "y", "idle"])
    )
    assert used_sources(study) == ("x", "y")


def test_arms_come_in_the_studys_order_but_after_what_they_depend_on():
    study = study_of(
        {
            "gan": add("gan"),  # its source is trained on the optimum of "classic"
            "late": {"base": "gan"},
            "real": {},
            "classic": add("classic"),
        },
        {"gan": "classic", "classic": None},
    )
    assert search_order(study) == ("classic", "gan", "late", "real")


def test_a_source_of_the_base_counts_too():
    study = study_of(
        {"b": {"base": "a"}, "a": add("x"), "real": {}},
        {"x": "real"},
    )
    assert search_order(study) == ("real", "a", "b")


@pytest.mark.parametrize("number", range(20))
def test_every_arm_follows_its_base_and_the_arms_its_sources_are_trained_on(number):
    draw = random.Random(number)
    names = [f"a{i}" for i in range(12)]
    needs = {}  # only of arms further down the list, so that there is no circle
    arms, sources = {}, {}
    for i, name in enumerate(names):
        arms[name], needs[name] = {}, set()
        if draw.random() < 0.4 and names[:i]:
            arms[name]["base"] = base = draw.choice(names[:i])
            needs[name].add(base)
        if draw.random() < 0.6 and names[:i]:
            sources[f"s{i}"] = trained_on = draw.choice(names[:i])
            arms[name] |= add(f"s{i}")
            needs[name].add(trained_on)
    shuffled = draw.sample(names, len(names))
    order = search_order(study_of({name: arms[name] for name in shuffled}, sources))
    assert sorted(order) == sorted(names)
    for place, name in enumerate(order):
        assert needs[name] <= set(order[:place])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sources.x = {kind = 'repeat', train_on = 'reel'}",
            [
                "3: sources.x.train_on: must name an arm (real) but got 'reel' "
                "(did you mean 'real'?)"
            ],
        ),
        (
            "sources.x = {kind = 'repeat', train_on = 'a'}\n"
            "arms.a.add = [{source = 'x', multiple = 2}]",
            [
                "3: sources.x.train_on: arms and the sources they use must not lead back to "
                "themselves but a -> a; train on another arm"
            ],
        ),
        (  # by way of a base
            "arms.b.base = 'a'\narms.a.balance = 'x'\n"
            "sources.x = {kind = 'repeat', train_on = 'b'}",
            [
                "5: sources.x.train_on: arms and the sources they use must not lead back to "
                "themselves but b -> a -> b; train on another arm"
            ],
        ),
        (  # two sources in one circle are one problem; a third that only leads into it is none
            "sources.x = {kind = 'repeat', train_on = 'b'}\n"
            "sources.y = {kind = 'repeat', train_on = 'a'}\n"
            "sources.z = {kind = 'repeat', train_on = 'a'}\n"
            "arms.a.search.source = 'x'\narms.b.search.source = 'y'\narms.c.search.source = 'z'",
            [
                "3: sources.x.train_on: arms and the sources they use must not lead back to "
                "themselves but b -> a -> b; train on another arm"
            ],
        ),
        (  # a circle of bases is told as such, not again for the source trained on it
            "arms.a.base = 'b'\narms.b.base = 'a'\narms.c.balance = 'x'\n"
            "sources.x = {kind = 'repeat', train_on = 'a'}",
            [
                "3: arms.a.base: bases must not lead back to the arm itself but a -> b -> a; "
                "drop one of them"
            ],
        ),
    ],
)
def test_problems_of_train_on(problems, text, expected):
    assert problems(HEAD + text) == [f"study.toml:{one}" for one in expected]


def test_a_source_that_no_arm_uses_may_be_trained_on_any(load):
    text = "sources.x = {kind = 'repeat', train_on = 'a'}\narms.a = {}"
    assert search_order(load(HEAD + text)) == ("real", "a")
