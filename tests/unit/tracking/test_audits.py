from typing import Any

import pytest

from augsearch.study.audit_result import (
    AuditResult,
    Beside,
    CopiesFound,
    SyntheticScore,
    Variety,
)
from augsearch.tracking.audits import audit_metrics, audit_tags, worst_verdict


def result(**changes: Any) -> AuditResult:
    copies = CopiesFound(
        count=3,
        total=12,
        low=0.1,
        high=0.5,
        threshold=0.2,
        expected=0.02,
        p_value=0.0001,
        median=0.3,
        median_real=0.6,
    )
    numbers: dict[str, Any] = {
        "source": "gan",
        "fold": 1,
        "features": "classifier",
        "images": {"a": 6, "b": 6},
        "identical": 1,
        "copies": {"features": copies},
        "pairs": [],
        "variety": [Variety(class_name="a", synthetic=0.7, real=0.4)],
        "kid": Beside(value=0.03, floor=0.001, se=0.002),
        "density": Beside(value=0.9, floor=None),
        "coverage": Beside(value=None, floor=None),
        "score": None,
        "verdict": "fail",
        "reasons": ["3 of 12 are copies", "they look alike"],
    }
    return AuditResult.model_validate(numbers | changes)


def test_every_number_stands_beside_its_floor_and_what_is_unknown_is_left_out() -> None:
    assert audit_metrics(result()) == {
        "audit_copies_features": 0.25,
        "audit_copies_features_real": 0.02,
        "audit_identical": 1,
        "audit_ms_ssim_a": 0.7,
        "audit_ms_ssim_a_real": 0.4,
        "audit_kid": 0.03,
        "audit_kid_real": 0.001,
        "audit_density": 0.9,
    }


def test_images_that_show_held_out_ones_are_counted_where_they_were_looked_for() -> None:
    found = audit_metrics(result(leaked={"count": 2, "shown": ["'a.png' (test set)"]}))
    assert found["audit_leaked"] == 2


def test_the_score_says_which_metric_it_is() -> None:
    score = SyntheticScore(
        metric="auc", value=0.6, real=0.9, p_better=0.1, p_worse=0.9, real_p_better=0.001
    )
    found = audit_metrics(result(score=score))
    assert (found["audit_score_auc"], found["audit_score_auc_real"]) == (0.6, 0.9)


def test_the_tags_say_what_speaks_against_the_source() -> None:
    tags = audit_tags(result())
    assert tags.pop("audit") == "fail"
    [description] = tags.values()
    assert description.splitlines()[2:] == ["- 3 of 12 are copies", "- they look alike"]
    assert audit_tags(result(verdict="pass", reasons=[])) == {"audit": "pass"}


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["pass", "fail", "warn"], "fail"),
        (["warn", "pass"], "warn"),
        (["pass"], "pass"),
        ([], None),
    ],
)
def test_the_worst_verdict_counts(verdicts: list[str], worst: str | None) -> None:
    assert worst_verdict([result(verdict=verdict) for verdict in verdicts]) == worst
