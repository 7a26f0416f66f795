"""Cards: nothing of a name is taken for markup, and nothing is left out in silence."""

import dataclasses

import pytest
from jinja2 import UndefinedError

from augsearch.export.cards import AuditFacts, Facts, card

NASTY = "a|b <script>alert(1)</script>\n# head *bold* `code`"
SAFE = "a\\|b &lt;script>alert(1)&lt;/script> # head \\*bold\\* 'code'"

FACTS = Facts(
    study=NASTY,
    arm="search",
    amount="K = 4",
    recipe="real images",
    training="the first of the 5 fresh trainings that its result is the mean of",
    classes=("clear", "fluid"),
    images="resized",
    label="no evidence",
    verdict=["No evidence that it is better."],
    about="",
    measured="60 images",
    scores=[["", "real", NASTY], ["test AUC", "0.7", "0.8"]],
    contents=[["images", "clear", "in all"], ["real", "4", "4"]],
    classifier="The classifier was a network.",
    sources=["Source acgan gave images."],
    audits=[AuditFacts("acgan", "fail", ["they look alike"], [("equal", "0")])],
    limits=["Only this."],
    made_with="Made by augsearch 1.",
)
MORE = {
    "rows": [1, 2],
    "counts": [["source", "clear"], ["acgan", "2"]],
    "manifest": "manifest.csv",
    "pixels": "16 x 16 pixels",
    "where": "PNG text",
    "folders": True,
    "left_out": "",
}


def dataset(**changes):
    return card("dataset_card.md", dataclasses.replace(FACTS, **changes), **MORE)


def test_names_are_no_markup():
    text = dataset()
    assert f"# Synthetic images of study {SAFE}, arm search\n" in text
    assert f"|  | real | {SAFE} |\n| --- | --- | --- |\n| test AUC | 0.7 | 0.8 |\n" in text
    assert "<script>" not in text


def test_the_verdict_is_said_plainly():
    assert "**It was not shown that adding these images helps.**" in dataset()
    harms = dataset(label="harms")
    assert "**Do not add these images: they made the classifier worse.**" in harms
    assert "It was not shown" not in harms
    helps = dataset(label="helps")
    assert "Do not add" not in helps
    assert "It was not shown" not in helps


def test_an_audit_that_was_not_made_is_said():
    assert "Source acgan: **fail**.\n- they look alike\n" in dataset()
    assert "None of the sources was audited" in dataset(audits=[])


def test_a_missing_fact_is_an_error():
    with pytest.raises(UndefinedError):
        card("dataset_card.md", FACTS)
