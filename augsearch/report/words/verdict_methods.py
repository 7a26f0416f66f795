"""The paragraph on the verdict of a methods section: what was tested, and by which statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from augsearch.evaluation.inference import endpoints, learning_curve, max_t
from augsearch.evaluation.inference.intervals import DRAWS
from augsearch.evaluation.patients import numbered
from augsearch.report.contents import ReportContents
from augsearch.report.samples import chosen_outputs
from augsearch.report.words.sentences import cut_off, metric_title
from augsearch.study.results import VerdictResult

_ANSWER = (
    "The answer is 'helps' if the whole interval lies above 0, 'harms' if it lies below, else "
    "'no evidence'."
)


def verdict_methods(contents: ReportContents) -> Iterator[str]:
    """Yield sentences on how the verdict was reached; nothing without one.

    Works are marked as `report.references.cited` reads them.
    """
    if contents.result.verdict is None:
        return
    if not contents.study.has_test_set:
        yield from _on_tuning_set(contents)
    elif contents.test.probabilities:
        yield from _test(contents)
        yield from _worth(contents)
        yield from _endpoints(contents)
    yield from _patients(contents)
    yield from _generators(contents)


def _on_tuning_set(contents: ReportContents) -> Iterator[str]:
    answer, level = contents.result.verdict, contents.level
    yield (
        "No images were set aside for a test: the gain is the difference of the mean AUCs from arm "
        f"{contents.result.baseline} on the tuning set, which chose the amount"
        f"{_macro(len(contents.classes))}."
    )
    if answer is None or answer.low is None or answer.high is None:
        yield f"No interval of the gain is given ({answer.note if answer else ''})."
        return
    yield (
        f"Its {level} interval allows for that choice: it is one of simultaneous intervals of the "
        f"gains of all amounts, by max-T [@westfall1993] from {max_t.DRAWS:,} draws, with the "
        "paired DeLong covariance [@delong1988] of the averaged placements plus the variance "
        "between trainings over their number, which a draw estimates anew."
    )
    yield _ANSWER


def _endpoints(contents: ReportContents) -> Iterator[str]:
    gains = contents.endpoint_gains
    if not gains:
        return
    titles = ", ".join(map(metric_title, gains))
    several = len(gains) > 1
    correction = ", without correction for their number" if several else ""
    yield (
        f"Secondary endpoint{'s' if several else ''}: {titles}. The gain in each was compared by "
        f"{endpoints.DRAWS:,} draws of a paired bootstrap of images within each class and of "
        "trainings [@efron1993], with expanded percentile intervals [@hesterberg2015]"
        f"{correction}."
    )


def _worth(contents: ReportContents) -> Iterator[str]:
    """Yield how the gain is expressed in real images, if the study asked for it."""
    if contents.result.real_equivalence is None:
        return
    times = contents.study.evaluation.test_replicates * contents.n_folds
    yield (
        "What the gain is worth in real images is how many more the learning curve of arm "
        f"{contents.result.baseline} needs for it: an inverse power law [@figueroa2012] of the AUC "
        f"on the tuning set, over {times} trainings on each of several shares of its real images, "
        f"followed to {learning_curve.REACH:g} times their number at most, with percentiles of "
        f"{learning_curve.DRAWS:,} bootstrap draws of trainings, of the curve's exponent and of "
        "the gain."
    )


def _test(contents: ReportContents) -> Iterator[str]:
    answer = contents.result.verdict
    if answer is None:
        return
    runs = max(map(len, contents.test.probabilities.values()))
    anew = f"{_times(runs)}{_per_fold(contents)}"
    yield (
        f"Every arm was trained anew with fresh seeds, {anew}, and scored on "
        f"{len(contents.test.labels):,} test images. The gain is the difference of the mean AUCs "
        f"from arm {contents.result.baseline}{_macro(len(contents.classes))}."
    )
    yield from _beside(contents)
    if answer.low is None or answer.high is None:
        yield f"No interval of the gain is given ({answer.note})."
    else:
        yield _interval(runs, contents.level, answer)
        yield _ANSWER
    yield (
        f"Intervals of an arm's own AUC are those of its mean over trainings, on the logit scale "
        f"[@pepe2003]; those of other metrics are expanded percentiles [@hesterberg2015] of "
        f"{DRAWS:,} class-stratified bootstrap draws of images and trainings [@efron1993]"
        f"{_cut_off(contents)}{_alike(contents)}."
    )


def _patients(contents: ReportContents) -> Iterator[str]:
    """Yield that patients, not images, are what intervals count, where some have several."""
    part, known = "test", [contents.test.patients]
    if not contents.study.has_test_set:
        judged = chosen_outputs(contents, contents.result.baseline)
        part, known = "tuning", [one.patients for one in judged.folds] if judged else []
    for own in known:
        if own is not None and numbered(own, len(own)) is not None:
            yield (
                f"Some patients have several images ({len(own):,} {part} images of "
                f"{len(np.unique(own)):,} patients): in every interval patients were what varied, "
                "or what was drawn, with all of their images [@obuchowski1997]."
            )


def _generators(contents: ReportContents) -> Iterator[str]:
    """Yield which trainings of the generators the answer speaks of."""
    answer = contents.result.verdict
    count = answer.generators if answer else None
    if count == 1:
        several = len(contents.generators) * contents.n_folds > 1
        which = "these trained generators" if several else "this one trained generator"
        yield f"The answer speaks of {which}: how much another training differs is not in it."
    elif count is not None:
        yield (
            "After the choice was declared, the generators behind it were trained "
            f"{_times(count - 1)} more with other seeds, and the trainings of the classifier were "
            f"shared out evenly among the {count}: the answer speaks of the generator's recipe."
        )


def _beside(contents: ReportContents) -> Iterator[str]:
    """Yield what the answer stands beside: controls, earlier looks at the test set."""
    arms = contents.result.arms
    controls = [name for name, arm in arms.items() if arm.control_of is not None]
    if controls:
        yield (
            f"Controls of the declared arm, of the same size: {', '.join(controls)}; the best of "
            "them on the tuning set is compared with it in the same way."
        )
    if contents.result.test_opened_before:
        runs = ", ".join(one.run for one in contents.result.test_opened_before)
        yield f"The test images had been opened before, by {runs}: they were not untouched."


def _interval(runs: int, level: str, answer: VerdictResult) -> str:
    images = "paired DeLong variance [@delong1988] of the averaged placements"
    if "bootstrap" in answer.note:
        images = "variance over images from a class-stratified bootstrap [@efron1993]"
    if runs == 1:
        return (
            f"The gain's {level} interval has the {images}; with one training per arm the variance "
            "between trainings is not known and not in it, so it speaks of these models only."
        )
    if (answer.generators or 1) > 1:
        return (
            f"The gain's {level} interval has the {images} plus the variance between the "
            "generators, of the mean over each one's trainings, over their number; its quantile is "
            "the mean of its parts' t quantiles, weighted by their variances [@cochran1957]."
        )
    return (
        f"The gain's {level} interval has the {images} plus the variance between trainings over "
        "their number, and a t distribution with Satterthwaite's degrees of freedom "
        "[@satterthwaite1946]."
    )


def _per_fold(contents: ReportContents) -> str:
    if contents.n_folds == 1:
        return ""
    return f" ({contents.study.evaluation.test_replicates} in each of {contents.n_folds} folds)"


def _macro(n_classes: int) -> str:
    return ", the mean over the classes, each against the rest" if n_classes > 2 else ""


def _cut_off(contents: ReportContents) -> str:
    return f" ({cut_off(_metrics(contents))})" if len(contents.classes) == 2 else ""


def _alike(contents: ReportContents) -> str:
    if "balanced_accuracy" not in _metrics(contents):
        return ""
    return (
        ", that of balanced accuracy widened [@zou2008] by the Clopper-Pearson limit "
        "[@clopper1934] of classes whose images are all decided rightly, or all wrongly"
    )


def _metrics(contents: ReportContents) -> set[str]:
    return {metric for arm in contents.result.arms.values() for metric in arm.test}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
