"""The result in words, the same on the terminal and in the report."""

from collections.abc import Sequence

from augsearch.amounts import amount_words
from augsearch.messages import names
from augsearch.study.results import EarlierOpening, Interval, StudyResult, VerdictResult


def verdict_sentence(result: StudyResult, confidence: float) -> str:
    """Say what the test set showed about the declared arm, and no more than that.

    Args:
        result: The finished run.
        confidence: Confidence level of the intervals, between 0 and 1.
    """
    answer = result.verdict
    if answer is None:
        return _no_verdict(result) + _note(opened_before(result.test_opened_before))
    arm = result.arms[answer.arm]
    amount = "no amount" if arm.multiple is None else amount_words(arm.multiple, arm.unit)
    what = f"arm {answer.arm!r} at {amount}"
    over = f"arm {result.baseline!r}"
    if answer.gain == answer.low == answer.high == 0:
        return (
            f"No evidence that adding images helps: arm {answer.arm!r} chose {amount}, "
            f"the training set of {over} itself." + _note(opened_before(result.test_opened_before))
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
    return meaning + _control_sentence(answer) + _worth(result) + _note(answer.note)


def _no_verdict(result: StudyResult) -> str:
    if result.arms[result.baseline].multiple is None:
        return f"No verdict: the baseline, arm {result.baseline!r}, has no finite score."
    return "No verdict: there is no other arm with a finite score to compare."


def _note(text: str) -> str:
    return f" Note: {text}." if text else ""


def _control_sentence(answer: VerdictResult) -> str:
    """Say what is left of the gain where as many images are real ones again."""
    control = answer.control
    if control is None:
        return ""
    kind = control.arm.removeprefix(f"{answer.arm}: ").removesuffix(" control")
    gain = Interval(value=control.gain, low=control.low, high=control.high)
    return f" Against the best control ({kind}) {with_interval(gain, sign=True)}."


def _worth(result: StudyResult) -> str:
    return f" {result.real_equivalence.text}" if result.real_equivalence else ""


def opened_before(openings: Sequence[EarlierOpening]) -> str:
    """Say that the test set is not untouched; empty if it is.

    Example:
        >>> when = "2026-01-31T12:00:00+00:00"
        >>> one = EarlierOpening(run="a", opened_at=when, arm=None, multiple=None)
        >>> opened_before([one]).split(",")[1]
        " by run 'a' (first on 2026-01-31)"
    """
    if not openings:
        return ""
    word = "run" if len(openings) == 1 else "runs"
    return (
        f"the test images were opened before, by {word} {names(one.run for one in openings)} "
        f"(first on {openings[0].opened_at[:10]}), so they are not untouched: "
        "this answer may have been chosen with them in mind"
    )


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
