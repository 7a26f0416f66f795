"""The result in words, the same on the terminal and in the report."""

from collections.abc import Iterable, Mapping, Sequence

from augsearch.amounts import amount_words
from augsearch.evaluation.inference.verdict import NOTHING_TO_GAIN
from augsearch.evaluation.metrics import get_metric
from augsearch.messages import names
from augsearch.study.controls import control_kind
from augsearch.study.metric_names import SENSITIVITY_AT
from augsearch.study.results import (
    EarlierOpening,
    EndpointGain,
    Interval,
    StudyResult,
    VerdictResult,
)

_MEANS_OF_CLASSES = ("auc", "sensitivity", "specificity", "f1", "ppv", "npv")
"""Of more than two classes."""


def verdict_sentence(result: StudyResult, confidence: float) -> str:
    """Say what `verdict_sentences` says in one line."""
    return " ".join(verdict_sentences(result, confidence))


def verdict_sentences(result: StudyResult, confidence: float) -> list[str]:
    """Say what the test (or tuning) set showed about the declared arm, and no more than that.

    Args:
        result: The finished run.
        confidence: Confidence level of the intervals, between 0 and 1.

    Returns:
        The answer, and what has to be said beside it.
    """
    answer = result.verdict
    if answer is None:
        sentences = [_no_verdict(result), _note(opened_before(result.test_opened_before))]
    elif _is_same(answer):
        openings = _note(opened_before(result.test_opened_before))
        sentences = [_same(result, answer), _fewer_is_better(result, confidence), openings]
    else:
        said = _judged(result, answer, confidence)
        beside = [_fewer_is_better(result, confidence), _control_sentence(answer), _worth(result)]
        sentences = [said, *beside, _note(answer.note)]
    return [sentence for sentence in sentences if sentence]


def _is_same(answer: VerdictResult) -> bool:
    """Return whether nothing was added. Two training sets can rank the images alike, too."""
    return NOTHING_TO_GAIN.note in answer.note


def _same(result: StudyResult, answer: VerdictResult) -> str:
    return (
        f"No evidence that adding more images helps: arm {answer.arm!r} chose "
        f"{_amount(result, answer)}, the training set of arm {result.baseline!r} itself."
    )


def _amount(result: StudyResult, answer: VerdictResult) -> str:
    arm = result.arms[answer.arm]
    return "no amount" if arm.multiple is None else amount_words(arm.multiple, arm.unit)


def _judged(result: StudyResult, answer: VerdictResult, confidence: float) -> str:
    what = f"arm {answer.arm!r} at {_amount(result, answer)}"
    over = f"arm {result.baseline!r}"
    if answer.low is None or answer.high is None:
        measured = f"{result.judged_on} AUC {answer.gain:+.3f} against {over}, no interval"
    else:
        measured = (
            f"{result.judged_on} AUC {answer.gain:+.3f} against {over}, "
            f"{percent(confidence)} interval {answer.low:+.3f} to {answer.high:+.3f}"
        )
    advice = "" if _better_of_fewer(result) else f"; use {over}"
    return {
        "helps": f"Helps: {what} is better ({measured}).",
        "harms": f"Harms: {what} is worse ({measured}).",
        "no evidence": f"No evidence that {what} is better ({measured}){advice}.",
    }[answer.label]


def _better_of_fewer(result: StudyResult) -> dict[str, Interval]:
    """Return the gains of arms that are better than the baseline with fewer images.

    A baseline may be balanced with images of a source, and these may harm by themselves.
    """
    most = result.arms[result.baseline].n_train
    gains = {name: arm.gain for name, arm in result.arms.items() if arm.n_train < most}
    return {name: gain for name, gain in gains.items() if gain and (gain.low or 0) > 0}


def _fewer_is_better(result: StudyResult, confidence: float) -> str:
    base = result.arms[result.baseline]
    return " ".join(
        f"With fewer images, {result.arms[name].n_train}, arm {name!r} is better than arm "
        f"{result.baseline!r}, of {base.n_train}: {result.judged_on} AUC "
        f"{with_interval(gain, sign=True)}, {percent(confidence)} interval, without correction "
        "for the number of arms."
        for name, gain in _better_of_fewer(result).items()
    )


def endpoint_sentences(result: StudyResult, confidence: float) -> list[str]:
    """Say in a sentence each what the test set showed in further endpoints, and what to beware of.

    Args:
        result: The finished run.
        confidence: Confidence level of the intervals, between 0 and 1.

    Returns:
        One sentence per endpoint of the declared arm, and one that they are secondary; nothing
        without endpoints or a verdict, or where the verdict is that nothing was added.
    """
    answer = result.verdict
    gains = result.arms[answer.arm].endpoints if answer and not _is_same(answer) else {}
    if answer is None or not gains:
        return []
    arm = f"arm {answer.arm!r}"
    sentences = [_endpoint(name, gain, arm, confidence) for name, gain in gains.items()]
    if len(gains) == 1:
        return [*sentences, "This endpoint is secondary: the verdict is the one in the AUC."]
    return [
        *sentences,
        f"These endpoints are secondary: {len(gains)} were looked at without correction for it, "
        "and the verdict is the one in the AUC.",
    ]


def _endpoint(name: str, gain: EndpointGain, arm: str, confidence: float) -> str:
    title = metric_title(name)
    if not get_metric(name).greater_is_better:
        title += " (smaller is better)"
    measured = "no gain" if gain.value is None else f"gain {gain.value:+.3f}"
    if gain.low is None or gain.high is None:
        measured += f", no interval: {gain.note}"
    else:
        measured += f", {percent(confidence)} interval {gain.low:+.3f} to {gain.high:+.3f}"
    if gain.label == "no evidence":
        return f"In {title}: no evidence that {arm} is better ({measured})."
    return f"In {title}: {arm} {gain.label} ({measured})."


def _no_verdict(result: StudyResult) -> str:
    if result.arms[result.baseline].multiple is None:
        return f"No verdict: the baseline, arm {result.baseline!r}, has no finite score."
    return "No verdict: there is no other arm with a finite score to compare."


def _note(text: str) -> str:
    return f"Note: {text}." if text else ""


def _control_sentence(answer: VerdictResult) -> str:
    """Say what is left of the gain where as many images are real ones again."""
    control = answer.control
    if control is None:
        return ""
    kind = control_kind(control.arm) or control.arm
    gain = Interval(value=control.gain, low=control.low, high=control.high)
    return f"Against the best control ({kind}) {with_interval(gain, sign=True)}."


def _worth(result: StudyResult) -> str:
    return result.real_equivalence.text if result.real_equivalence else ""


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


def scope_sentence(result: StudyResult, generators: Sequence[str], n_folds: int) -> str:
    """Say what the verdict does not speak about; empty if nothing limits it.

    Args:
        result: The finished run.
        generators: Names of the trained generators.
        n_folds: Number of folds that the trainings come from.
    """
    sentences = []
    answer = result.verdict
    # The note of the verdict, which stands before this, says so where a generator is behind it.
    if generators and (answer is None or answer.generators is None):
        several = "s" if len(generators) > 1 else ""
        sentences.append(
            f"What is said of images of {', '.join(generators)} speaks of the generator{several} "
            "trained in this run, not of another training of the same recipe."
        )
    if n_folds > 1:
        sentences.append(
            f"The trainings come from {n_folds} folds that share images, so the variance between "
            "trainings is approximate."
        )
    return " ".join(sentences)


def percent(share: float) -> str:
    """Write a share with as many places as it takes.

    Example:
        >>> percent(0.95), percent(0.975), percent(0.999)
        ('95%', '97.5%', '99.9%')
    """
    return f"{share * 100:g}%"


def counted(counts: Mapping[str, int]) -> str:
    """Write how many images there are, and how many of each class.

    Example:
        >>> counted({"healthy": 1200, "ill": 30})
        '1,230 images (1,200 healthy, 30 ill)'
    """
    each = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return f"{sum(counts.values()):,} images ({each})"


def many(count: int | str, thing: str) -> str:
    """Write how many of a thing there are.

    Example:
        >>> many(1, "training"), many(1200, "amount"), many("3 to 5", "training")
        ('1 training', '1,200 amounts', '3 to 5 trainings')
    """
    number = count if isinstance(count, str) else f"{count:,}"
    return f"{number} {thing}" + ("" if number == "1" else "s")


def cut_off(metrics: Iterable[str]) -> str:
    """Say where the probability of the positive class is cut for these metrics, two classes.

    Example:
        >>> cut_off(["f1", "kappa"])
        'cut-off 0.5'
    """
    if not any(name.startswith(SENSITIVITY_AT) for name in metrics):
        return "cut-off 0.5"
    return (
        "cut-off 0.5, but for sensitivity at a specificity that of each training's own ROC curve "
        "of these images, chosen on them"
    )


def decided(classes: Sequence[str], metrics: Iterable[str]) -> str:
    """Say which class an image is decided for, and which of these metrics are means of classes.

    Example:
        >>> decided(["healthy", "ill"], ["f1", "kappa"])
        'The positive class is ill; cut-off 0.5.'
    """
    asked = set(metrics)
    if len(classes) == 2:
        return f"The positive class is {classes[1]}; {cut_off(asked)}."
    means = [metric_title(name) for name in _MEANS_OF_CLASSES if name in asked]
    over = f" Means over the classes, each against the rest: {', '.join(means)}." if means else ""
    never = " The PPV of a class that is never decided counts as 0." if "ppv" in asked else ""
    return f"An image is decided to be of its likeliest class; there is no cut-off.{over}{never}"


def chosen_on_tuning(amounts: bool, settings: bool) -> str:
    """Say what limits values on the tuning set.

    Args:
        amounts: An arm's amount was searched.
        settings: A classifier's settings were tried.
    """
    chosen = ["the amount of a searched arm"] if amounts else []
    chosen += ["the setting of an arm's classifier"] if settings else []
    if not chosen:
        return (
            "What a classifier chooses while it trains, as when to stop, it chose on these images."
        )
    what = " and ".join(chosen)
    verb = "was" if len(chosen) == 1 else "were"
    return f"{what.capitalize()} {verb} chosen on these very images: values are too high."


def metric_title(name: str) -> str:
    """Write a metric's name as papers do.

    Example:
        >>> metric_title("auc"), metric_title("balanced_accuracy"), metric_title("brier")
        ('AUC', 'balanced accuracy', 'Brier score')
        >>> metric_title("sensitivity@0.90")
        'sensitivity at specificity 0.90'
    """
    if name in ("auc", "f1", "ppv", "npv"):
        return name.upper()
    if name.startswith(SENSITIVITY_AT):
        return f"sensitivity at specificity {name.removeprefix(SENSITIVITY_AT)}"
    return "Brier score" if name == "brier" else name.replace("_", " ")


def with_interval(interval: Interval | None, sign: bool = False) -> str:
    """Write a value and its interval: "0.871 (0.840 to 0.902)"; "-" where there is none.

    A gain (`sign`) of nothing at all is no measurement of something small: every training of the
    two scored the same, as trainings on the same images do.

    Example:
        >>> with_interval(Interval(value=0.5, low=0.25, high=0.75))
        '0.500 (0.250 to 0.750)'
        >>> with_interval(Interval(value=0.0, low=0.0, high=0.0), sign=True)
        '0 (same scores)'
    """
    if interval is None or interval.value is None:
        return "-"
    if sign and interval.value == interval.low == interval.high == 0:
        return "0 (same scores)"
    form = "+.3f" if sign else ".3f"
    if interval.low is None or interval.high is None:
        return f"{interval.value:{form}}"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
