import re

import pytest

from augsearch.report.comparison import ComparedRun, cautions, render_comparison

EVIL = "<script>x</script>"


@pytest.fixture
def runs(make):
    def compared(*names, **changes):
        given = {"metric": "auc", "confidence": 0.95, "test_images": "abc"}
        return [ComparedRun(name, make().result, **(given | changes)) for name in names]

    return compared


def test_runs_stand_side_by_side(runs):
    page = render_comparison(runs("one", "two"), {"seed": ["0", "1"]})
    assert page.count('<div class="verdict helps">') == 2
    assert page.count('role="img"') == 2
    assert re.search(r'<th scope="row">seed</th><td>0</td><td>1</td>', page)
    assert "one: more" in page and "two: more" in page


def test_everything_is_escaped(runs):
    page = render_comparison(runs(EVIL, "two"), {EVIL: [EVIL, "1"]})
    assert "<script" not in page


def test_runs_of_the_same_study_say_so(runs):
    assert "the runs are of the same study" in render_comparison(runs("one", "two"), {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"test_images": "other"}, "not tested on the same images"),
        ({"test_images": None}, "is not known"),
        ({"metric": "kappa"}, "tuned by different metrics"),
        ({"confidence": 0.9}, "one 95 %, two 90 %"),
        ({}, "Taking the best of them is a choice on the test set"),
    ],
)
def test_what_cannot_be_compared_is_said(runs, change, words):
    both = [*runs("one"), *runs("two", **change)]
    assert words in " ".join(cautions(both))


def test_runs_without_a_test_set_are_named(runs):
    [tested] = runs("one")
    untested = tested.result.model_copy(update={"judged_on": "tuning"})
    both = [tested, ComparedRun("two", untested, "auc", 0.95, None)]
    assert "on the images that chose the amount: two." in next(cautions(both))
    assert "on the test set or tuning set, 95 % intervals" in render_comparison(both, {})
