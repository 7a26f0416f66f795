"""Cards: what an export is, what was found about it and what it is not for, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

Table = Sequence[Sequence[str]]
"""The first row is the header."""


@dataclass(frozen=True)
class AuditFacts:
    """What the audit of a source found, in words.

    Attributes:
        source: Name of the source.
        verdict: "pass", "warn" or "fail".
        reasons: What speaks against it.
        numbers: What was measured, (what, value), each beside that of real images.
    """

    source: str
    verdict: str
    reasons: Sequence[str]
    numbers: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Facts:
    """What cards say of a run: facts of it, and nothing else.

    Attributes:
        study: Name of the study.
        arm: Name of the arm that the export is of.
        amount: Its chosen amount ("K = 4").
        recipe: What it trains on, in words.
        training: Which of its trainings the export is of, in words.
        classes: Class names; with two the second is the positive one.
        images: How images are read before anything else, in words.
        label: The verdict's label; "none" if there is none.
        verdict: What was found, in sentences.
        about: How the arm stands to the one that the verdict is about; empty if it is that one.
        measured: What the result was measured on.
        scores: Metrics of the arm and of the baseline.
        contents: Images of the training set, per class and origin.
        classifier: What the classifier is, in a sentence.
        sources: What the sources of the added images are, in sentences.
        audits: What the audits of these found.
        limits: What limits the answer, in sentences.
        made_with: Versions, device, seed.
    """

    study: str
    arm: str
    amount: str
    recipe: str
    training: str
    classes: Sequence[str]
    images: str
    label: str
    verdict: Sequence[str]
    about: str
    measured: str
    scores: Table
    contents: Table
    classifier: str
    sources: Sequence[str]
    audits: Sequence[AuditFacts]
    limits: Sequence[str]
    made_with: str


def card(template: str, facts: Facts, **more: object) -> str:
    """Fill in a template of this room; what Markdown or HTML takes for markup is escaped.

    Args:
        template: Its file name.
        facts: What all cards have in common.
        more: Further variables.
    """
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_plain,
    )
    environment.filters["table"] = _table
    text = (files("augsearch.export") / template).read_text(encoding="utf-8")
    return environment.from_string(text).render(facts=facts, **more)


def _table(rows: Table) -> Markup:
    """Write a table; the first row is its header."""
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return Markup("\n".join(lines))


def _plain(value: object) -> object:
    return _escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(text: str) -> str:
    for character, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*")):
        text = text.replace(character, instead)
    return " ".join(text.replace("`", "'").split())
