"""What cards of an export say of a run, gathered from its result and its study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from augsearch.amounts import amount_words
from augsearch.controller.finished_runs.exports.chosen import ChosenTraining
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.execution.recipes import describe
from augsearch.export.cards import AuditFacts, Facts, Table, card
from augsearch.files import write_text
from augsearch.messages import names
from augsearch.records import Portion
from augsearch.report.audits import audit_numbers
from augsearch.report.words.model_words import classifier_words, source_words
from augsearch.report.words.references import cited
from augsearch.report.words.sentences import (
    counted,
    endpoint_sentences,
    metric_title,
    scope_sentence,
    verdict_sentence,
    with_interval,
)
from augsearch.study.order import trained_sources

NOT_ALONE = "The verdict speaks of this data set, this classifier and this amount, and of no other."


def write_card(
    path: Path, template: str, conclusion: Conclusion, chosen: ChosenTraining, **more: object
) -> None:
    """Write the card of an export: what every one of them says, and what this one says besides."""
    write_text(path, card(template, _facts(conclusion, chosen), **more))


def _facts(conclusion: Conclusion, chosen: ChosenTraining) -> Facts:
    prepared, result = conclusion.prepared, conclusion.result
    study, arm = prepared.study, chosen.arm
    confidence = study.evaluation.confidence
    return Facts(
        study=study.name,
        arm=arm.name,
        amount=amount_words(chosen.amount, arm.arm.unit),
        recipe=describe(arm.arm),
        training=_training(conclusion, chosen),
        classes=prepared.images.classes,
        images=_images(conclusion),
        label=result.verdict.label if result.verdict else "none",
        verdict=[
            verdict_sentence(result, confidence),
            *endpoint_sentences(result, confidence),
        ],
        about=_about(conclusion, arm.name),
        measured=_measured(conclusion, chosen),
        scores=_scores(conclusion, arm.name),
        contents=_contents(conclusion, chosen),
        classifier=cited(_classifier(conclusion, arm.name)),
        sources=[cited(sentence) for sentence in _sources(conclusion, chosen)],
        audits=list(_audits(conclusion, chosen)),
        limits=list(_limits(conclusion)),
        made_with=_made_with(conclusion),
    )


def _training(conclusion: Conclusion, chosen: ChosenTraining) -> str:
    n_folds = len(conclusion.folds)
    fresh = "fresh trainings" if conclusion.prepared.test else "trainings of the search"
    several = f"the first of the {chosen.trainings} {fresh} that its result is the mean of"
    which = several if chosen.trainings > 1 else "the training that its result was measured with"
    fold = f", in fold {chosen.fold.number} of {n_folds}, counted from 0" if n_folds > 1 else ""
    return f"{which}{fold}"


def _images(conclusion: Conclusion) -> str:
    images = conclusion.prepared.study.images
    steps = [one.step for one in images.preprocess]
    before = f"after the steps {', '.join(steps)} " if steps else ""
    black = {"full": "the full range of the file's type", "image": "each image's own range"}
    spread = (
        black[images.intensity_range]
        if isinstance(images.intensity_range, str)
        else " to ".join(f"{one:g}" for one in images.intensity_range)
    )
    channels = "1 channel (grey)" if images.channels == 1 else "3 channels (red, green, blue)"
    return (
        f"{before}resized ({images.resize}) to {images.size} x {images.size} pixels, {channels}, "
        f"8 bits: {spread} becomes 0 to 255"
    )


def _about(conclusion: Conclusion, arm: str) -> str:
    """Say how an arm stands to the verdict; empty if it is the one that the verdict is about."""
    answer, result = conclusion.result.verdict, conclusion.result
    if answer is None or answer.arm == arm:
        return ""
    if arm == result.baseline:
        return f"Arm {arm!r} is the baseline that arm {answer.arm!r} was compared with."
    gain = result.arms[arm].gain
    said = f"; its own gain is {with_interval(gain, sign=True)}" if gain else ""
    return (
        f"The verdict is about arm {answer.arm!r}, which was declared before the "
        f"{result.judged_on} set spoke. Arm {arm!r} was not{said}, without correction for the "
        "number of arms."
    )


def _measured(conclusion: Conclusion, chosen: ChosenTraining) -> str:
    prepared = conclusion.prepared
    part = "test" if prepared.test else "tuning"
    mean = f"the mean over {chosen.trainings} trainings" if chosen.trainings > 1 else "one training"
    text = (
        f"{_counted(chosen.judged, prepared.images.classes)} of the {part} set, {mean} of each arm"
    )
    if prepared.external:
        text += f"; externally on {_counted(prepared.external, prepared.images.classes)}"
    return text


def _counted(images: Portion, classes: Sequence[str]) -> str:
    counts = np.bincount(images.labels, minlength=len(classes)).tolist()
    return counted(dict(zip(classes, counts, strict=True)))


def _scores(conclusion: Conclusion, arm: str) -> Table:
    """Return the metrics of an arm beside those of the baseline, with their intervals."""
    result = conclusion.result
    shown = list(dict.fromkeys([result.baseline, arm]))
    head = ["", *(f"{name}{' (baseline)' if name == result.baseline else ''}" for name in shown)]
    parts = {"test": [result.arms[name].test for name in shown]}
    parts["external"] = [result.arms[name].external or {} for name in shown]
    rows = [
        [f"{part} {metric_title(metric)}", *(with_interval(arm.get(metric)) for arm in arms)]
        for part, arms in parts.items()
        for metric in arms[0]
    ]
    tuning = [result.arms[name].score for name in shown]
    metric = metric_title(conclusion.prepared.metric.name)
    rows.append(
        [f"tuning {metric} (chose the amount)", *("-" if s is None else f"{s:.3f}" for s in tuning)]
    )
    return [head, *rows]


def _contents(conclusion: Conclusion, chosen: ChosenTraining) -> Table:
    recipe, classes = chosen.recipe, conclusion.prepared.images.classes
    rows = [["real", *map(str, recipe.real), str(sum(recipe.real))]]
    for source in recipe.sources:
        taken = recipe.taken(source)
        rows.append([source, *map(str, taken), str(sum(taken))])
    return [["images", *classes, "in all"], *rows]


def _classifier(conclusion: Conclusion, arm: str) -> str:
    study = conclusion.prepared.study
    name = study.classifier_name(arm)
    return classifier_words(f"of arm {arm}", study.classifier_named(name))


def _sources(conclusion: Conclusion, chosen: ChosenTraining) -> Iterator[str]:
    options = conclusion.prepared.study.sources
    for name in chosen.recipe.sources:
        yield source_words(name, options[name])


def _audits(conclusion: Conclusion, chosen: ChosenTraining) -> Iterator[AuditFacts]:
    drawn = chosen.recipe.sources
    for result in conclusion.result.audits:
        if result.source in drawn and result.fold == chosen.fold.number:
            numbers = audit_numbers(result)
            yield AuditFacts(result.source, result.verdict, result.reasons, numbers)


def _limits(conclusion: Conclusion) -> Iterator[str]:
    prepared, result = conclusion.prepared, conclusion.result
    yield NOT_ALONE
    generators = trained_sources(prepared.study)
    if scope := scope_sentence(result, generators, len(conclusion.folds)):
        yield scope
    if result.judged_on == "tuning":
        yield "There was no test set: the images that chose the amount also judged it."
    elif not prepared.external:
        yield "No images of another place were looked at."
    failed = [one.source for one in result.audits if one.verdict == "fail"]
    if failed:
        yield f"The audit of source {names(dict.fromkeys(failed))} failed."


def _made_with(conclusion: Conclusion) -> str:
    facts = conclusion.facts
    made = [
        f"{key.removeprefix('version.')} {facts[key]}"
        for key in ("version.augsearch", "version.torch", "version.python")
        if key in facts
    ]
    if "device" in facts:
        made.append(f"device {facts['device']}")
    return f"Made by {', '.join(made)}; seed {conclusion.prepared.study.seed}."
