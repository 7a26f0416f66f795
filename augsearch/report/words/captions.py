"""What stands below a study's own table: which images, how many trainings, what to beware of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from augsearch.report.contents import ReportContents, Sample
from augsearch.report.lines import BEST, CHOSEN, TEST, Line
from augsearch.report.values import DELONG
from augsearch.report.words.sentences import chosen_on_tuning, decided, many, metric_title
from augsearch.study.schema.report import TableOptions


def caption(
    contents: ReportContents, options: TableOptions, lines: Sequence[Line]
) -> tuple[str, ...]:
    """Return the sentences below a table.

    Args:
        contents: What the report is made of.
        options: The table.
        lines: What it shows, at least one line.
    """
    own = [
        sample
        for line in lines
        for group, (_, sample) in line.cells.items()
        if group not in (BEST, TEST)
    ]
    sentences = [
        f"{_images(contents, options, own)}; {_trainings(contents, options, own)}.",
        decided(contents.classes, options.metrics),
    ]
    if options.images == "tuning":
        sentences.append(chosen_on_tuning(bool(contents.searches), bool(contents.tuned)))
    if options.best_setting:
        sentences += _settings(contents, lines)
    sentences += _explanations(contents, options)
    return tuple(sentences)


def tuning_caption(contents: ReportContents) -> str:
    """Return what stands below the chosen settings of a tuned study."""
    tuned = contents.tuned.values()
    settings = span(len(one.settings) for one in tuned)
    trainings = span(one.scores.shape[1] for one in tuned)
    return (
        f"The best of {settings} settings, tried at each arm's first amount: its mean "
        f"{metric_title(contents.metric)} over {trainings} trainings on the tuning set, which "
        "chose it. As the best of many it is too high. All settings: tables/settings.csv."
    )


def _images(contents: ReportContents, options: TableOptions, samples: Sequence[Sample]) -> str:
    count = len(samples[0].labels)
    if options.images == "tuning":
        pooled = f", pooled over {contents.n_folds} folds" if contents.n_folds > 1 else ""
        return f"Tuning set{pooled}, {count:,} images"
    name = "Test set" if options.images == "test" else "External test set"
    return f"{name}, {count:,} images"


def _trainings(contents: ReportContents, options: TableOptions, samples: Sequence[Sample]) -> str:
    count = span(len(sample.probabilities) for sample in samples)
    each = ", each a model per fold" if options.images == "tuning" and contents.n_folds > 1 else ""
    if options.value == "first":
        return f"the first training of each arm alone, of {count}"
    how = {
        "mean": "mean over",
        "mean-sd": "mean ± standard deviation over",
        "interval": f"mean with {contents.level} interval over",
    }[options.value]
    return f"{how} {many(count, 'training')} per arm{each}"


def _settings(contents: ReportContents, lines: Iterable[Line]) -> Iterator[str]:
    tuned = [
        contents.tuned[arm]
        for line in lines
        for arm, _ in line.cells.values()
        if arm in contents.tuned
    ]
    count = span(len(one.settings) for one in tuned)
    yield (
        f"Columns {BEST!r}: of {count} settings, tried at the arm's first amount, each run takes "
        f"the one with its best {metric_title(contents.metric)}, scored on the images that chose "
        "it: too high."
    )
    yield f"Columns {CHOSEN!r}: one setting for all runs, the one with the best mean."
    if any(TEST in line.cells for line in lines):
        trainings = span(
            len(line.cells[TEST][1].probabilities) for line in lines if TEST in line.cells
        )
        yield (
            f"Columns {TEST!r}: {trainings} fresh trainings on images that chose nothing, the "
            "honest value."
        )


def _explanations(contents: ReportContents, options: TableOptions) -> Iterator[str]:
    if options.class_metrics:
        yield "Each class is taken against the rest."
    if options.words and "kappa" in (*options.metrics, *options.class_metrics):
        yield "Words for kappa: Landis and Koch 1977."
    if options.delong:
        macro = ", on the mean AUC of the classes" if len(contents.classes) > 2 else ""
        yield (
            f"{DELONG}: the paper's test between two single models, the first trainings of the arm "
            f"and of {contents.result.baseline}{macro}, as if every image were of another patient; "
            "see the verdict for the answer."
        )


def span(counts: Iterable[int]) -> str:
    """Write counts as one number, or as the smallest and the largest.

    Example:
        >>> span([5, 5]), span([5, 3, 4])
        ('5', '3 to 5')
    """
    found = sorted(set(counts))
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"
