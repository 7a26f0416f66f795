"""The result in words, the same on the terminal and in the report."""

from collections.abc import Sequence

from augsearch.amounts import amount_words
from augsearch.study.results import Interval, StudyResult


def verdict_sentence(result: StudyResult, confidence: float) -> str:
    """Say what the test set showed about the declared arm, and no more than that.

    Args:
        result: The finished run.
        confidence: Confidence level of the intervals, between 0 and 1.
    """
    answer = result.verdict
    if answer is None:
        if result.arms[result.baseline].multiple is None:
            return f"No verdict: the baseline, arm {result.baseline!r}, has no finite score."
        return "No verdict: there is no other arm with a finite score to compare."
    arm = result.arms[answer.arm]
    amount = "no amount" if arm.multiple is None else amount_words(arm.multiple, arm.unit)
    what = f"arm {answer.arm!r} at {amount}"
    over = f"arm {result.baseline!r}"
    if answer.gain == answer.low == answer.high == 0:
        return (
            f"No evidence that adding images helps: arm {answer.arm!r} chose {amount}, "
            f"the training set of {over} itself."
        )
    if answer.low is None or answer.high is None:
        measured = f"test AUC {answer.gain:+.3f} against {over}, no interval"
    else:
        measured = (
            f"test AUC {answer.gain:+.3f} against {over}, "
            f"{confidence:.0%} interval {answer.low:+.3f} to {answer.high:+.3f}"
        )
    meaning = {
        "helps": f"Helps: {what} is better ({measured}).",
        "harms": f"Harms: {what} is worse ({measured}).",
        "no evidence": f"No evidence that {what} is better ({measured}); use {over}.",
    }[answer.label]
    note = f" Note: {answer.note}." if answer.note else ""
    return meaning + note


def scope_sentence(generators: Sequence[str], n_folds: int) -> str:
    """Say what the verdict does not speak about; empty if nothing limits it.

    Args:
        generators: Names of the trained generators.
        n_folds: Number of folds that the trainings come from.
    """
    sentences = []
    if generators:
        names = ", ".join(generators)
        sentences.append(
            f"This speaks of the generator trained in this run ({names}), not of another training "
            "of the same recipe."
        )
    if n_folds > 1:
        sentences.append(
            f"The trainings come from {n_folds} folds that share images, so the variance between "
            "trainings is approximate."
        )
    return " ".join(sentences)


def metric_title(name: str) -> str:
    """Write a metric's name as papers do.

    Example:
        >>> metric_title("auc"), metric_title("balanced_accuracy"), metric_title("brier")
        ('AUC', 'balanced accuracy', 'brier')
    """
    return name.upper() if name in ("auc", "f1", "ppv", "npv") else name.replace("_", " ")


def with_interval(interval: Interval | None, sign: bool = False) -> str:
    """Write a value and its interval: "0.871 (0.840 to 0.902)"; "-" where there is none.

    Example:
        >>> with_interval(Interval(value=0.5, low=0.25, high=0.75))
        '0.500 (0.250 to 0.750)'
    """
    if interval is None or interval.value is None:
        return "-"
    form = "+.3f" if sign else ".3f"
    if interval.low is None or interval.high is None:
        return f"{interval.value:{form}}"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
