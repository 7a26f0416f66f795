"""What an audit found, as metrics and tags of the run of its source and fold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from augsearch.study.audit_result import AuditResult, AuditVerdict
from augsearch.tracking.layout import DESCRIPTION

_WORST_FIRST: tuple[AuditVerdict, ...] = ("fail", "warn", "pass")


def audit_metrics(result: AuditResult) -> dict[str, float]:
    """Return an audit's numbers, each real-against-real floor beside them as NAME_real.

    Copies are shares of the images (0 to 1), MS-SSIM is one number per class; what could not be
    measured is left out.
    """
    return {f"audit_{name}": value for name, value in _numbers(result) if value is not None}


def audit_tags(result: AuditResult) -> dict[str, str]:
    """Return the verdict, and what speaks against the source as the run's description."""
    tags: dict[str, str] = {"audit": result.verdict}
    if result.reasons:
        tags[DESCRIPTION] = f"Audit: {result.verdict}.\n\n" + "".join(
            f"- {reason}\n" for reason in result.reasons
        )
    return tags


def worst_verdict(results: Iterable[AuditResult]) -> AuditVerdict | None:
    """Return the worst verdict of several audits; None of none."""
    found = {result.verdict for result in results}
    return next((verdict for verdict in _WORST_FIRST if verdict in found), None)


def _numbers(result: AuditResult) -> Iterator[tuple[str, float | None]]:
    for space, copies in result.copies.items():
        yield f"copies_{space}", copies.share
        yield f"copies_{space}_real", copies.expected
    yield "identical", float(result.identical)
    yield "leaked", float(result.leaked.count) if result.leaked else None
    for one in result.variety:
        yield f"ms_ssim_{one.class_name}", one.synthetic
        yield f"ms_ssim_{one.class_name}_real", one.real
    for name in ("kid", "density", "coverage"):
        beside = getattr(result, name)
        yield name, beside.value
        yield f"{name}_real", beside.floor
    if result.score is not None:
        yield f"score_{result.score.metric}", result.score.value
        yield f"score_{result.score.metric}_real", result.score.real
