import pytest

from augsearch.controller.stages.supply import Supply
from augsearch.errors import SourceError
from augsearch.study.schema.study import StudyFile

SIZES = {"made": (30, 40), "endless": (None, None)}
MADE = {"source": "made"}


def supply(*counts, **arms):
    """Give the arms of a study beside 'real'; of each fold the real images."""
    study = {
        "name": "small",
        "data": {"kind": "demo"},
        "sources": {
            "made": {"kind": "callable", "function": "a:b"},
            "endless": {"kind": "classic"},
        },
        "arms": {"real": {}} | arms,
    }
    return Supply(StudyFile.model_validate(study), ("no", "yes"), counts or [(10, 8)], SIZES)


@pytest.mark.parametrize(
    "arm",
    [
        {"search": MADE},
        {"search": {"source": "endless", "rule": "sweep", "multiples": [1, 99]}},
        {"search": MADE | {"rule": "sweep", "per_class": [10, 30]}},
        {"search": MADE | {"rule": "halving"}},
        {"search": MADE | {"rule": "tpe"}},
        {"add": [MADE | {"everything": True}]},
        {"add": [{"source": "endless", "everything": True}]},  # refused in words of its own
        {"add": [MADE | {"multiple": 4}]},
    ],
)
def test_a_study_that_can_be_had_is_let_through(arm):
    supply(arm=arm).refuse_shortages()


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        (
            {"search": MADE | {"rule": "sweep", "per_class": [10, 31]}},
            r"\(\+31 images per class\): 31 images of class 'no' from source 'made', which has 30",
        ),
        ({"search": MADE | {"start": 5}}, r"\(K = 5\): 40 images of class 'no'"),
        ({"add": [MADE | {"multiple": 4.5}]}, r"\(K = 4.5\): 35 images of class 'no'"),
        (
            {"add": [MADE | {"per_class": 20}], "search": MADE | {"rule": "sweep", "added": [27]}},
            r"\(\+27 images\): 34 images of class 'no'",
        ),
    ],
)
def test_what_would_lack_is_refused_with_arm_amount_and_class(arm, words):
    with pytest.raises(
        SourceError, match=f"some ask for more; add images.*in added\\):\n  arm 'arm' {words}"
    ):
        supply(arm=arm).refuse_shortages()


def test_all_arms_that_ask_for_too_much_are_named_and_every_fold_is_looked_at():
    arms = {"one": {"add": [MADE | {"multiple": 3}]}, "two": {"search": MADE | {"start": 3}}}
    supply((10, 8), **arms).refuse_shortages()
    with pytest.raises(SourceError, match=r"(?s)arm 'one' .*of class 'yes'.*arm 'two' "):
        supply((10, 8), (10, 21), **arms).refuse_shortages()


@pytest.mark.parametrize("rule", [{}, {"rule": "halving"}, {"rule": "tpe"}])
def test_a_search_that_could_try_k_1_alone_is_refused(rule):
    supply((30, 8), arm={"search": MADE | rule}).refuse_shortages()
    with pytest.raises(SourceError, match=r"arm 'arm' \(K = 2\): 31 images of class 'no'"):
        supply((31, 8), arm={"search": MADE | rule}).refuse_shortages()


def test_an_arm_on_a_searched_one_is_refused_only_if_the_least_choice_is_too_much():
    base = {"search": MADE | {"rule": "sweep", "per_class": [5, 30]}}
    supply(first=base, arm={"base": "first", "add": [MADE | {"per_class": 25}]}).refuse_shortages()
    with pytest.raises(SourceError, match=r"arm 'arm' .*: 31 images"):
        arm = {"base": "first", "add": [MADE | {"per_class": 26}]}
        supply(first=base, arm=arm).refuse_shortages()


def test_searches_for_k_end_where_their_source_does_and_the_rest_of_the_study_stays():
    told = []
    asked = supply(
        arm={"search": MADE},
        halving={"search": MADE | {"rule": "halving", "max_multiple": 3}},
        endless={"search": {"source": "endless"}},
        sweep={"search": MADE | {"rule": "sweep", "multiples": [1, 9]}},
    )
    ended = asked.ended(told.append)
    assert ended.arms["arm"].search.max_multiple == 4
    assert ended.arms["halving"] == asked.study.arms["halving"]
    assert ended.arms["endless"] == asked.study.arms["endless"]
    assert ended.arms["sweep"] == asked.study.arms["sweep"]
    [event] = told
    assert event.message.startswith("the search of arm 'arm' ends at K = 4 at the latest")
