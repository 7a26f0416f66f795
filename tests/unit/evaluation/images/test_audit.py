import re

import pytest

from augsearch.evaluation.images.audit import audited
from augsearch.study.audit_result import (
    AuditNumbers,
    AuditResult,
    Beside,
    CopiesFound,
    Leaked,
    SyntheticScore,
    Variety,
)


def copies(count=3, p_value=0.4, threshold=0.3):
    return CopiesFound(
        count=count,
        total=200,
        low=0.0,
        high=0.1,
        threshold=threshold,
        expected=0.02,
        p_value=p_value,
        median=0.5,
        median_real=0.5,
    )


def score(value=0.8, p_better=0.005, p_worse=1.0, real_p_better=0.005):
    return SyntheticScore(
        metric="auc",
        value=value,
        real=0.9,
        p_better=p_better,
        p_worse=p_worse,
        real_p_better=real_p_better,
    )


def numbers(**changes):
    good = {
        "source": "gan",
        "fold": 0,
        "features": "classifier",
        "images": {"a": 100, "b": 100},
        "identical": 0,
        "copies": {"features": copies(), "pixels": copies()},
        "pairs": [],
        "variety": [Variety(class_name="a", synthetic=0.5, real=0.4)],
        "kid": Beside(value=1.0, floor=0.0, se=0.01),
        "density": Beside(value=0.0, floor=1.0),
        "coverage": Beside(value=0.8, floor=0.96),
        "score": score(),
    }
    return AuditNumbers(**(good | changes))


def test_a_good_source_passes_whatever_kid_and_density_say():
    result = audited(numbers())
    assert (result.verdict, result.reasons) == ("pass", [])
    assert AuditResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"copies": {"pixels": copies(40, 1e-6)}}, "fail", r"40 of 200 .*20.0%.* in pixels.*2.0%"),
        ({"copies": {"pixels": copies(40, 0.0)}}, "fail", r"\(p < 1e-06\)"),
        ({"copies": {"features": copies(6, 1e-4)}}, "warn", r"6 of 200 images \(3.0%\)"),
        ({"copies": {"features": copies(20, 5e-3)}}, "warn", "quarantine = true"),
        ({"copies": {"features": copies(0, 1.0, 0.0)}}, "warn", "cannot be told in features"),
        ({"identical": 1}, "warn", "1 of 200 images equal a training image"),
        ({"identical": 10}, "fail", "10 of 200"),
        ({"leaked": Leaked(count=9, shown=["'a'", "'b'"])}, "warn", r"9 of 200 .* \('a', 'b'\)"),
        ({"leaked": Leaked(count=10, shown=["'a'"])}, "fail", "on the training set alone"),
        (
            {"variety": [Variety(class_name="b", synthetic=0.95, real=0.3)]},
            "fail",
            "'b'.*0.95.*0.3",
        ),
        ({"variety": [Variety(class_name="b", synthetic=0.75, real=0.3)]}, "warn", "MS-SSIM 0.75"),
        ({"coverage": Beside(value=0.2, floor=0.96)}, "fail", "20%.*96%"),
        ({"coverage": Beside(value=0.4, floor=0.96)}, "warn", "coverage"),
        (
            {"score": score(0.1, 1.0, 0.005)},
            "fail",
            r"worse than chance, auc 0.10 \(real images 0.9",
        ),
        (
            {"score": score(0.52, 0.3, 0.7)},
            "warn",
            r"not shown to be better than chance \(p = 0.3\), auc 0.52",
        ),
        ({"missing": {"b": "why not"}}, "warn", "no image of class 'b' to look at: why not"),
    ],
)
def test_every_number_that_has_a_vote_can_decide(changes, verdict, reason):
    result = audited(numbers(**changes))
    assert result.verdict == verdict
    (only,) = result.reasons
    assert re.search(reason, only), only


@pytest.mark.parametrize(
    "changes",
    [
        {"score": None},
        {"leaked": Leaked(count=0, shown=[])},
        {"score": score(0.5, 1.0, 0.005, real_p_better=0.2)},  # real images teach nothing either
        {"score": score(0.5, 0.03, 1.0)},
        {"coverage": Beside(value=None, floor=None)},
        {"coverage": Beside(value=0.1, floor=None)},
        {"variety": [Variety(class_name="a", synthetic=1.0, real=1.0)]},
    ],
)
def test_what_cannot_be_told_decides_nothing(changes):
    assert audited(numbers(**changes)).verdict == "pass"


def test_the_worst_finding_decides_and_stands_first():
    result = audited(
        numbers(identical=1, variety=[Variety(class_name="a", synthetic=0.99, real=0.3)])
    )
    assert result.verdict == "fail"
    assert "MS-SSIM" in result.reasons[0] and "every pixel" in result.reasons[1]


def test_scores_that_are_all_the_same_are_not_reversed():
    """A classifier that decides everything alike scores by chance as well and as badly."""
    result = audited(numbers(score=score(0.5, 1.0, 1.0)))
    assert result.verdict == "warn"
