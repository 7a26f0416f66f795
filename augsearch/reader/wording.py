"""The score of readers in words and tables, for the terminal."""

from __future__ import annotations

from augsearch.reader.scoring import KINDS, TASKS, Accuracy, Assessment, ReaderScore

TASK_WORDS = {"class": "class", "origin": "real/synthetic"}

AGREEMENT_HEADER = ["readers", "task", "images", "Cohen's kappa", "agreement (Landis, Koch)"]


def accuracy_header(assessment: Assessment) -> list[str]:
    """Return the heads of the columns of `accuracy_rows`."""
    kinds = [f"{kind} ({assessment.images[kind]})" for kind in KINDS]
    return ["reader", "task", "answered", *kinds]


def accuracy_rows(assessment: Assessment) -> list[list[str]]:
    """Return one row per reader and task: answered, accuracy with its interval on each kind."""
    return [
        _row(score, task, assessment)
        for score in (*assessment.readers, assessment.together)
        if score is not None
        for task in TASKS
    ]


def _row(score: ReaderScore, task: str, assessment: Assessment) -> list[str]:
    accuracy = score.accuracy[task]
    n_readers = len(assessment.readers) if score.reader is None else 1
    total = assessment.images["all"] * n_readers
    name = f"all {n_readers} readers" if score.reader is None else score.reader
    answered = f"{accuracy['all'].answered}/{total}"
    return [name, TASK_WORDS[task], answered, *(in_words(accuracy[kind]) for kind in KINDS)]


def in_words(accuracy: Accuracy) -> str:
    """Write an accuracy with its interval.

    Example:
        >>> in_words(Accuracy(9, 10, 0.9, 0.596, 0.982))
        '0.900 (0.596 to 0.982)'
    """
    if accuracy.value is None:
        return "-"
    return f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def agreement_rows(assessment: Assessment) -> list[list[str]]:
    """Return one row per task and pair of readers: images, Cohen's kappa, its word."""
    return [
        [
            " and ".join(one.readers),
            TASK_WORDS[one.task],
            str(one.images),
            "-" if one.kappa is None else f"{one.kappa:.3f}",
            one.word or _undefined(one.images),
        ]
        for one in assessment.agreement
    ]


def _undefined(images: int) -> str:
    if images == 0:
        return "undefined: no image was judged by both"
    return "undefined: both gave one answer only"


def notes(assessment: Assessment) -> list[str]:
    """Return what has to be known beside the tables."""
    total = assessment.images["all"]
    lines = [
        f"{one.reader} finished {one.finished} of {total} images; only what was answered counts."
        for one in assessment.readers
        if one.finished < total
    ]
    lines.append("Accuracy with 95 % Wilson intervals.")
    if assessment.together is not None:
        lines.append(
            "The interval of all readers counts an image once, however many judged it: it speaks "
            "of these readers and other images."
        )
    return lines
