"""The end of a run: declare what was chosen, train it anew, open the test set once, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.arms import SearchedArm
from augsearch.controller.directory import RunDirectory
from augsearch.controller.opening import open_once
from augsearch.controller.outputs import AnswerFiles
from augsearch.controller.preparation import Prepared, classifier_name
from augsearch.errors import RunDirectoryError
from augsearch.evaluation.intervals import metric_interval
from augsearch.evaluation.verdict import Verdict, verdict
from augsearch.events import Notify, Warned, silent
from augsearch.execution.cells import fresh_trainings
from augsearch.records import Portion
from augsearch.report.sentences import opened_before
from augsearch.study.results import ControlGain, EarlierOpening, Interval, VerdictResult

METRICS = ("auc", "accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "kappa")

SAME_SET = "the choice is the baseline's own training set, so there is nothing to gain"

Outputs = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Declaration:
    """What is said before the test set is opened.

    Attributes:
        baseline: The arm that gains are measured against.
        multiples: The chosen amount of every arm that has one.
        arm: The arm that the verdict is about; None if there is only the baseline.
        control: Its best control by tuning score; None without controls.
    """

    baseline: str
    multiples: Mapping[str, float]
    arm: str | None
    control: str | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the test set said.

    Attributes:
        test: Arm -> class probabilities, float64, (trainings, images, classes).
        external: The same on the external set; empty without one.
        files: Arm -> what its trainings left (features, training curve).
        gains: Arm -> gain over the baseline.
        answer: The verdict on the declared arm.
        opened_before: Other runs that had opened the same test images before.
    """

    test: Outputs
    external: Outputs
    files: Mapping[str, AnswerFiles]
    gains: Mapping[str, Verdict]
    answer: VerdictResult | None
    opened_before: Sequence[EarlierOpening] = ()


def declared_arm(
    searched: Mapping[str, SearchedArm], baseline: str, prepared: Prepared
) -> str | None:
    """Return the arm that the verdict is about, chosen on tuning scores alone.

    It is the searched arm with the best score; without a search, the best arm that is not the
    baseline. Arms of the baseline's classifier come first: against another one's a gain would not
    be that of the images. Ties go to the arm that stands first in the study. Controls are not
    candidates.
    """
    names = [name for name in prepared.study.arms if name in searched]
    others = [name for name in names if name != baseline and searched[name].control_of is None]
    found = [name for name in others if searched[name].multiple is not None]
    kind = classifier_name(prepared.study, baseline)
    alike = [name for name in found if classifier_name(prepared.study, name) == kind] or found
    candidates = [name for name in alike if searched[name].arm.search is not None] or alike
    return _best(candidates, searched, prepared)


def _best(
    names: Sequence[str], searched: Mapping[str, SearchedArm], prepared: Prepared
) -> str | None:
    """Return the arm with the best tuning score, the first on ties; None without arms."""
    sign = 1.0 if prepared.metric.greater_is_better else -1.0

    def merit(name: str) -> float:
        score = searched[name].found.score
        return -np.inf if score is None else sign * score

    return max(names, key=merit) if names else None


def declare(
    searched: Mapping[str, SearchedArm], baseline: str, prepared: Prepared, directory: RunDirectory
) -> Declaration:
    """Fix the choice from tuning scores alone, and write it down with the time.

    Raises:
        RunDirectoryError: Another choice was declared before; the test set may have been opened.
    """
    multiples = {name: one.multiple for name, one in searched.items() if one.multiple is not None}
    arm = declared_arm(searched, baseline, prepared)
    controls = [name for name in multiples if arm and searched[name].control_of == arm]
    declaration = Declaration(baseline, multiples, arm, _best(controls, searched, prepared))
    choice = {"baseline": baseline, "multiples": multiples, "arm": arm}
    if declaration.control is not None:
        choice["control"] = declaration.control
    now = datetime.now(UTC).isoformat(timespec="seconds")
    declared = directory.remember("declaration", {"declared_at": now} | choice)
    if declared != {"declared_at": declared["declared_at"]} | choice:
        raise RunDirectoryError(
            f"the choice must be the one declared at {declared['declared_at']}, before the test "
            f"set was opened, but the ledger of {directory.path} now says otherwise; "
            "add --fresh to start anew beside it."
        )
    return declaration


def open_test_set(
    declaration: Declaration,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
    notify: Notify = silent,
) -> Outcome:
    """Train every declared arm anew, score it on test and external images, judge the gains.

    That the test set is opened is written down first. If other runs had opened it before, the
    verdict says so, and so does a warning.
    """
    before = open_once(directory, prepared.test.block.key)
    if before:
        notify(Warned(opened_before(before)))
    sets = {"test": prepared.test}
    if prepared.external is not None:
        sets["external"] = prepared.external
    outputs: dict[str, dict[str, NDArray[np.float64]]] = {name: {} for name in sets}
    known: dict[tuple[object, ...], AnswerFiles] = {}
    files: dict[str, AnswerFiles] = {}
    for name, multiple in declaration.multiples.items():
        arm = searched[name]
        same = _trainings(arm, multiple, prepared)
        if same not in known:  # arms of the same recipe and classifier are the same trainings
            known[same] = _tested(arm, multiple, sets, prepared, directory)
        files[name] = known[same]
        for part, values in files[name].outputs.items():
            outputs[part][name] = values
    gains = _gains(declaration, prepared, outputs["test"])
    answer = _answer(declaration, gains, outputs["test"], prepared, opened_before(before))
    return Outcome(outputs["test"], outputs.get("external", {}), files, gains, answer, before)


def _trainings(arm: SearchedArm, multiple: float, prepared: Prepared) -> tuple[object, ...]:
    """Return all that decides an arm's fresh trainings."""
    recipes = tuple(arm.score.recipe(multiple, fold) for fold in arm.score.folds)
    setting = tuple(arm.tuned.trials[arm.tuned.chosen].setting.items()) if arm.tuned else ()
    return (recipes, classifier_name(prepared.study, arm.name), setting)


def _tested(
    arm: SearchedArm,
    multiple: float,
    sets: Mapping[str, Portion],
    prepared: Prepared,
    directory: RunDirectory,
) -> AnswerFiles:
    files = AnswerFiles(directory.artifacts / "test", arm.name, sets)
    if not files.complete:
        fitted = fresh_trainings(arm.score, multiple, prepared.study.evaluation.test_replicates)
        files.write(fitted, sets, with_features="t-sne" in prepared.study.report.figures)
    return files


def _gains(declaration: Declaration, prepared: Prepared, outputs: Outputs) -> dict[str, Verdict]:
    if declaration.baseline not in outputs:
        return {}
    base = outputs[declaration.baseline]
    confidence = prepared.study.evaluation.confidence
    # The very trainings of the baseline: no luck stands between the two, and nothing to gain.
    same = Verdict("no evidence", 0.0, 0.0, 0.0, 0.0, float("nan"), SAME_SET)
    return {
        name: same if values is base else verdict(prepared.test.labels, base, values, confidence)
        for name, values in outputs.items()
        if name != declaration.baseline
    }


def _answer(
    declaration: Declaration,
    gains: Mapping[str, Verdict],
    outputs: Outputs,
    prepared: Prepared,
    note: str,
) -> VerdictResult | None:
    if declaration.arm is None or declaration.arm not in gains:
        return None
    gain = gains[declaration.arm]
    return VerdictResult(
        arm=declaration.arm,
        label=gain.label,
        gain=gain.gain,
        low=finite(gain.low),
        high=finite(gain.high),
        note="; ".join(filter(None, (gain.note, note))),
        control=_against_control(declaration, outputs, prepared),
    )


def _against_control(
    declaration: Declaration, outputs: Outputs, prepared: Prepared
) -> ControlGain | None:
    """Return the declared arm's gain over its best control, judged as that over the baseline."""
    arm, control = declaration.arm, declaration.control
    if arm is None or control is None:
        return None
    labels, confidence = prepared.test.labels, prepared.study.evaluation.confidence
    found = verdict(labels, outputs[control], outputs[arm], confidence)
    return ControlGain(arm=control, gain=found.gain, low=finite(found.low), high=finite(found.high))


def intervals(
    prepared: Prepared, name: str, part: str, labels: NDArray[np.int64], outputs: Outputs
) -> dict[str, Interval]:
    """Return every reported metric of one arm with its interval."""
    confidence = prepared.study.evaluation.confidence
    table = {}
    for metric in dict.fromkeys([*METRICS, prepared.metric.name]):
        seed = prepared.seed.child("interval", part, metric)  # the same draws for every arm
        values = metric_interval(metric, labels, outputs[name], confidence, seed)
        table[metric] = Interval.model_validate(
            dict(zip(("value", "low", "high"), map(finite, values), strict=True))
        )
    return table


def finite(value: float) -> float | None:
    """Return the number, or None where JSON has no word for it."""
    return float(value) if np.isfinite(value) else None
