"""The audit of the sources as a table: every number beside its floor in real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from augsearch.report.contents import ShownAudit
from augsearch.report.words.sentences import metric_title
from augsearch.study.audit_result import AuditResult, Beside, CopiesFound

HEADS = (
    *("source", "verdict", "images", "copies by features", "copies by pixels", "equal"),
    *("MS-SSIM", "KID × 1000", "density", "coverage", "trained on them alone"),
)

NOTHING = "-"


@dataclass(frozen=True)
class AuditTable:
    """The table, and what has to be said below it.

    Attributes:
        heads: Titles of the columns.
        rows: One per source and fold.
        reasons: (source, reason) of everything that was found.
        pictured: The audits whose closest pairs are shown: of each source the fold with the
            closest one.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    reasons: Sequence[tuple[str, str]]
    pictured: Sequence[ShownAudit]


def audit_table(audits: Sequence[ShownAudit]) -> AuditTable:
    """Write audits as a table; after "real" stands what real images give."""
    results = [one.result for one in audits]
    many = len({result.fold for result in results}) > 1
    reasons = [(title(result, many), reason) for result in results for reason in result.reasons]
    closest: dict[str, ShownAudit] = {}
    for one in audits:
        pairs, source = one.result.pairs, one.result.source
        if pairs and (
            source not in closest or pairs[0].nearness < closest[source].result.pairs[0].nearness
        ):
            closest[source] = one
    return AuditTable(
        HEADS, [_row(result, many) for result in results], reasons, list(closest.values())
    )


def title(result: AuditResult, many: bool = True) -> str:
    """Name what was audited; `many` says whether there are several folds to tell apart."""
    return f"{result.source}, fold {result.fold}" if many else result.source


def audit_numbers(result: AuditResult) -> list[tuple[str, str]]:
    """Return what an audit measured as (what, value); in brackets stands what real images give."""
    return list(zip(HEADS[2:], _row(result, many=False)[2:], strict=True))


def _row(result: AuditResult, many: bool) -> list[str]:
    images = f"{sum(result.images.values())}"
    if result.quarantined is not None:
        images += f" ({sum(result.quarantined.values())} copies dropped before)"
    variety = "; ".join(
        f"{one.class_name} {one.synthetic:.2f} (real {one.real:.2f})" for one in result.variety
    )
    score = result.score
    return [
        title(result, many),
        result.verdict,
        images,
        _copies(result.copies.get("features")),
        _copies(result.copies.get("pixels")),
        str(result.identical),
        variety or NOTHING,
        _distance(result.kid),
        _beside(result.density),
        _beside(result.coverage),
        f"{metric_title(score.metric)} {score.value:.3f} (real {score.real:.3f})"
        if score
        else NOTHING,
    ]


def _copies(found: CopiesFound | None) -> str:
    if found is None:
        return NOTHING
    ends = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    return f"{found.share:.1%} ({ends}; real at most {100 * found.expected:.1f})"


def _distance(one: Beside) -> str:
    if one.value is None:
        return NOTHING
    value = f"{_thousandths(one.value):.3g} ± {_thousandths(one.se or 0):.2g}"
    return value if one.floor is None else f"{value} (real {_thousandths(one.floor):.3g})"


def _thousandths(distance: float) -> float:
    """Return a distance in thousandths, rounding errors as 0."""
    return round(1000 * distance, 3) + 0.0  # not -0


def _beside(one: Beside) -> str:
    if one.value is None:
        return NOTHING
    return f"{one.value:.2f}" if one.floor is None else f"{one.value:.2f} (real {one.floor:.2f})"
