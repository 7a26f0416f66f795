"""What a report does not show, and why: said aloud, so that nobody takes silence for good news."""

from __future__ import annotations

from collections.abc import Iterator

from augsearch.data.leaks.firewall import tells_near_duplicates
from augsearch.data.leaks.near_duplicates import SMALLEST
from augsearch.report.contents import ReportContents
from augsearch.study.controls import KINDS
from augsearch.study.order import used_sources

SMALL_CLASS = 10
"""Test images of a class below which its numbers are hardly worth an interval."""


def not_shown(contents: ReportContents) -> list[str]:
    """Return one sentence per thing that a reader may expect and that this run has not."""
    return [*_images(contents), *_trainings(contents), *_looks(contents), *_search(contents)]


def _images(contents: ReportContents) -> Iterator[str]:
    if contents.result.judged_on == "tuning":
        yield (
            "No results on a test set, and so no ROC curves, confusion matrices and metrics of the "
            "arms: the study has none (split.test = 0). On the images that chose the amount they "
            "would be too good; the gain's interval alone allows for the choice."
        )
    elif not contents.test.probabilities:
        yield "No results on a test set: no arm has a chosen amount to test."
    if contents.external is None:
        yield (
            "Nothing on another site: the study has no [external] set, so whether a gain carries "
            "over is not known."
        )
    if contents.n_folds == 1:
        yield (
            "No other split: all training comes from one division of the images, and another one "
            "may give another answer."
        )
    few = [
        f"{name} ({count})"
        for part, name, count, _ in contents.parts
        if part == "test" and count < SMALL_CLASS
    ]
    if few:
        yield (
            f"No exact numbers for classes with fewer than {SMALL_CLASS} test images: "
            f"{', '.join(few)}."
        )
    single = all(images == groups for _, _, images, groups in contents.parts)
    if contents.parts and single and not _is_grouped(contents):
        yield (
            "No protection of groups: every image counts as a group of its own. If patients have "
            "several images, some may be in two parts, and intervals are too narrow; say which "
            "with group_column or group_pattern."
        )


def _is_grouped(contents: ReportContents) -> bool:
    given = (getattr(contents.study.data, key, None) for key in ("group_column", "group_pattern"))
    return any(key is not None for key in given)


def _trainings(contents: ReportContents) -> Iterator[str]:
    runs = [len(values) for values in contents.test.probabilities.values()]
    if runs and max(runs) == 1:
        yield (
            "No variance between trainings: each arm was trained once for the test, so the verdict "
            "speaks of these models only (evaluation.test_replicates)."
        )
    histories = [contents.result.arms[name].history for name in contents.searches]
    if histories and all(len(one.scores) == 1 for entries in histories for one in entries):
        yield (
            "No band around the search curves: each amount was trained once "
            "(evaluation.replicates)."
        )
    answer = contents.result.verdict
    if contents.generators and (answer is None or (answer.generators or 1) == 1):
        names = ", ".join(contents.generators)
        yield (
            f"No variance between trainings of a generator: {names} was trained once per fold, and "
            "another training may make other images (evaluation.generator_replicates)."
        )


def _looks(contents: ReportContents) -> Iterator[str]:
    arms, study = contents.result.arms, contents.study
    if not tells_near_duplicates(study.data, study.images.size):
        yield (
            "No near-duplicates between the sets, identical images apart: they were not looked "
            f"for, as different images below {SMALLEST} x {SMALLEST} pixels, or of digits, are too "
            "much alike."
        )
    controlled = any(arm.control_of for arm in arms.values()) or _has_real_sources(contents)
    if contents.searches and not controlled:
        yield (
            "No controls: the gain may come from more training steps alone; repeated and "
            "classically augmented real images at the same amount would tell "
            "(evaluation.controls)."
        )
    if contents.generators and not contents.audits:
        yield "No audit of the generators: copies of training images were not looked for."
    if contents.searches and not contents.likeness:
        yield (
            "No variety of the added images along the amounts: it was not asked for "
            '(report.figures = ["ms-ssim"]).'
        )
    if not contents.embeddings:
        yield 'No map of the features: it was not asked for (report.figures = ["t-sne"]).'


def _has_real_sources(contents: ReportContents) -> bool:
    """Whether an arm adds real images, repeated or changed: a control that the study wrote out."""
    study = contents.study
    return any(study.sources[name].kind in KINDS for name in used_sources(study))


def _search(contents: ReportContents) -> Iterator[str]:
    if not contents.searches:
        yield "No curve over amounts: no arm was searched."
        return
    if not contents.smoothed:
        yield "No smoothed curve: it takes a search over multiples K with several finite scores."
    if not contents.confidence_sets:
        yield (
            "No set of amounts that are as good as the best: it was not computed, so read a chosen "
            "amount as one of several that may be as good."
        )
