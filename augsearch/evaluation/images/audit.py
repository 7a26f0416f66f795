"""What follows from an audit's numbers: pass, warn or fail, with reasons in words.

The cut-offs are augsearch's own. They were set between what is known to be good (fresh draws of
demo images, ACGANs and DCGANs on 60 to 110 demo and chest images: 33 to 62 % of the variety lost,
coverage 0.6 to 0.75 of the floor) and what is known to be bad (one image per class: everything
lost, coverage 0.04 to 0.14 of the floor). KID and density have no vote: any generator lies
measurably beyond the floor, and how far is too far depends on the use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from augsearch.messages import few
from augsearch.study.audit_result import (
    AuditNumbers,
    AuditResult,
    AuditVerdict,
    CopiesFound,
    SyntheticScore,
)

FAIL_P, FAIL_SHARE, WARN_P = 0.001, 0.05, 0.01
"""Copies: fails below this p-value from this share on; warns below the other p-value. Held-out
images that are shown: fails from this share on."""

SMALLEST_P = 1e-6
"""A p-value below it is said to be that: so far out it is no longer known."""

FAIL_LOST, WARN_LOST = 0.8, 0.6
"""Variety: share of the real images' 1 - MS-SSIM that is lacking."""

FAIL_COVERAGE, WARN_COVERAGE = 0.25, 0.5
"""Coverage over its floor."""

CHANCE, REVERSED = 0.05, 0.005
"""Score: above CHANCE it could be luck; as low as random ones in REVERSED of cases, reversed."""

Finding = tuple[AuditVerdict, str]

_LOOK = "look at the closest pairs in the report"
_FIX_COPIES = "train the generator shorter or on more images, or set audit.quarantine = true"
_FIX_COLLAPSE = "take an earlier snapshot, another generator, or one trained on more images"


def audited(numbers: AuditNumbers) -> AuditResult:
    """Return the numbers with their verdict: that of the worst finding, pass if there is none."""
    findings = [
        *_missing(numbers),
        *_leaked(numbers),
        *_copied(numbers),
        *_collapsed(numbers),
        *_useless(numbers),
    ]
    verdicts = {verdict for verdict, _ in findings}
    verdict: AuditVerdict = "pass"
    if verdicts:
        verdict = "fail" if "fail" in verdicts else "warn"
    order = sorted(findings, key=lambda finding: finding[0] != "fail")
    reasons = [reason for _, reason in order]
    return AuditResult(**dict(numbers), verdict=verdict, reasons=reasons)


def _missing(numbers: AuditNumbers) -> Iterator[Finding]:
    for name, why in numbers.missing.items():
        yield "warn", f"there is no image of class {name!r} to look at: {why}"


def _leaked(numbers: AuditNumbers) -> Iterator[Finding]:
    total, found = sum(numbers.images.values()), numbers.leaked
    if found is not None and found.count:
        yield (
            "fail" if found.count >= FAIL_SHARE * total else "warn",
            f"{found.count} of {total} images show the same as real ones that no generator may "
            f"have seen ({few(found.shown, 3)}), so scores may come out too good; train it on the "
            "training set alone, or remove these images",
        )


def _copied(numbers: AuditNumbers) -> Iterator[Finding]:
    total = sum(numbers.images.values())
    if numbers.identical:
        yield (
            "fail" if numbers.identical >= FAIL_SHARE * total else "warn",
            f"{numbers.identical} of {total} images equal a training image in every pixel, of "
            f"fresh ones none would; {_LOOK}; {_FIX_COPIES}",
        )
    for space, found in numbers.copies.items():
        yield from _copies_in(space, found)


def _copies_in(space: str, found: CopiesFound) -> Iterator[Finding]:
    if found.threshold == 0:
        yield (
            "warn",
            f"copies cannot be told in {space}: a tuning image is equal to a training image; "
            "remove duplicates, or name the group column",
        )
    elif found.p_value < WARN_P:
        is_clear = found.p_value < FAIL_P and found.share >= FAIL_SHARE
        yield (
            "fail" if is_clear else "warn",
            f"{found.count} of {found.total} images ({found.share:.1%}) are copies of training "
            f"images in {space}, of fresh real images at most {found.expected:.1%} would lie as "
            f"near ({_p(found.p_value)}); {_LOOK}; {_FIX_COPIES}",
        )


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= SMALLEST_P else f"p < {SMALLEST_P:g}"


def _collapsed(numbers: AuditNumbers) -> Iterator[Finding]:
    levels: dict[AuditVerdict, tuple[float, float]] = {
        "fail": (FAIL_LOST, math.inf),
        "warn": (WARN_LOST, FAIL_LOST),
    }
    for level, (above, upto) in levels.items():
        alike = [
            f"of class {one.class_name!r} (MS-SSIM {one.synthetic:.2f} within the class, "
            f"{one.real:.2f} between real ones)"
            for one in numbers.variety
            if above < one.lost <= upto
        ]
        if alike:
            yield level, f"images {' and '.join(alike)} look too much alike; {_FIX_COLLAPSE}"
    value, floor = numbers.coverage.value, numbers.coverage.floor
    if value is not None and floor is not None and value < WARN_COVERAGE * floor:
        yield (
            "fail" if value < FAIL_COVERAGE * floor else "warn",
            f"images reach the surroundings of {value:.0%} of the real training images, real "
            f"ones those of {floor:.0%} (coverage): some kinds are not made, or they do not look "
            f"like real ones; {_FIX_COLLAPSE}",
        )


def _useless(numbers: AuditNumbers) -> Iterator[Finding]:
    score = numbers.score
    if score is None or score.real_p_better > CHANCE:  # nothing to be learnt by real images either
        return
    if score.p_worse <= REVERSED:
        yield (
            "fail",
            f"a classifier trained on them alone is worse than chance, {_scores(score)}: "
            "their classes are mixed up, or not to be seen in them; check the labels of the source",
        )
    elif score.p_better > CHANCE:
        yield (
            "warn",
            "a classifier trained on them alone was not shown to be better than chance (p = "
            f"{score.p_better:.2g}), {_scores(score)}; train the generator longer, and look at its "
            "images class by class",
        )


def _scores(score: SyntheticScore) -> str:
    return f"{score.metric} {score.value:.2f} (real images {score.real:.2f})"
